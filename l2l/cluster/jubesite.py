"""What a job of a site gets, as options, and what that is called in JUBE's platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2l.cluster import slurm
from l2l.cluster.jubeplatform import Platform
from l2l.errors import ConfigError
from l2l.options import Options, option
from l2l.units import seconds

#: Option -> the parameter of JUBE's platforms that it sets.
PARAMETERS = {
    "partition": "queue",
    "account": "account",
    "nodes": "nodes",
    "tasks_per_node": "taskspernode",
    "cpus_per_task": "threadspertask",
    "gres": "gres",
    "mail": "mail",
}
#: Options that JUBE's platforms have no parameter for.
DIRECTIVES = ("qos", "constraint", "mem")

_LINES = "additional_job_config"


class SiteOptions(Options):
    """What a job of the site gets; all else is as its ``platform.xml`` says."""

    command: str | None = option(None, "the jube command; default: jube on PATH")
    platform: str | None = option(
        None,
        "folder of the site's platform.xml and submit.job.in, or none: without a batch system; "
        "default: $JUBE_INCLUDE_PATH, else the distribution's",
    )
    partition: str | None = option(None, "partition (queue) of the jobs")
    account: str | None = option(None, "account that the jobs are charged to")
    qos: str | None = option(None, "quality of service of the jobs")
    constraint: str | None = option(None, "features that nodes must have")
    walltime: Any = option(None, "time limit of one job: 2h30m or 02:30:00")
    nodes: int | None = option(None, "nodes of one job", low=1)
    tasks_per_node: int | None = option(None, "processes on each node that share its CPUs", low=1)
    cpus_per_task: int | None = option(None, "CPUs of one process", low=1)
    gres: str | None = option(None, "generic resources of one node, as gpu:4")
    mem: str | None = option(None, "memory of one node, as the batch system writes it: 16G")
    mail: str | None = option(None, "address that the batch system writes to")
    setup: Any = option(None, "lines of a shell before the work: module load, source venv ...")
    parameters: Any = option(None, "any further parameters of the platform, by name")

    def check(self) -> None:
        """Validate the options whose type is no simple one."""
        super().check()
        if self.walltime is not None:
            seconds(self.walltime)
        lines = self.setup if isinstance(self.setup, list) else [self.setup or ""]
        if not all(isinstance(line, str) for line in lines):
            raise ConfigError(f"setup must be a text or a list of texts, got {self.setup!r}")
        given = {} if self.parameters is None else self.parameters
        plain = (str, int, float)
        if not isinstance(given, Mapping) or not all(isinstance(v, plain) for v in given.values()):
            raise ConfigError(
                f"parameters must be a map of JUBE's names to texts or numbers, got {given!r}"
            )

    @property
    def setup_text(self) -> str:
        """The lines of a shell that come before the work."""
        lines = self.setup if isinstance(self.setup, list) else [self.setup or ""]
        return "\n".join(lines).strip()

    def site(self) -> dict[str, Any]:
        """Return the platform's parameters that these options set."""
        found = {
            parameter: getattr(self, name)
            for name, parameter in PARAMETERS.items()
            if getattr(self, name) is not None
        }
        if self.walltime is not None:
            found["timelimit"] = _clock(seconds(self.walltime))
        if self.mail is not None:
            found["notification"] = "ALL"
        further = dict(self.parameters or {})
        lines = [f"#SBATCH --{n}={getattr(self, n)}" for n in DIRECTIVES if getattr(self, n)]
        # What is lost is submitted again by the outer loop, with the rest of a generation.
        lines = ["#SBATCH --no-requeue", *lines, str(further.pop(_LINES, ""))]
        return {**found, _LINES: "\n".join(lines).strip(), **further}


def site_parameters(platform: Platform, options: SiteOptions) -> dict[str, Any]:
    """Return the parameters that jobs get on a platform; none where there is no batch system.

    Raises:
        ConfigError: If the platform has no such parameter.
    """
    if platform.is_local:
        return {}
    found = options.site()
    if "queue" not in found and (name := _default_partition(platform.queue)) is not None:
        found["queue"] = name
    platform.by_set(found)
    return found


def _default_partition(queue: str) -> str | None:
    """Return the cluster's default partition, where the platform's own does not exist here."""
    names = slurm.call(["sinfo", "--noheader", "--format=%P"]).stdout.split()
    if queue in (name.rstrip("*") for name in names):
        return None
    return next((name.rstrip("*") for name in names if name.endswith("*")), None)


def _clock(duration: float) -> str:
    """Return a duration as HH:MM:SS, rounded up to whole minutes as batch systems count."""
    minutes = -int(-duration // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"
