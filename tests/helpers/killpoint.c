/* Kills the process at the k-th system call that touches a folder, before the call is made.
 *
 * Preloaded (LD_PRELOAD), it counts calls that open, write, sync, truncate, rename, link or remove
 * something below the folder given to killpoint_arm(); what came before is not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[4096];
static long countdown = -1; /* -1: count only */
static long counted = 0;
static int armed = 0;
static char ours[65536]; /* file descriptors that lie in the folder */

void killpoint_arm(const char *path, long k) {
    strncpy(folder, path, sizeof folder - 1);
    countdown = k;
    counted = 0;
    armed = 1;
}
long killpoint_count(void) { return counted; }

static void hit(void) {
    counted++;
    if (countdown >= 0 && counted == countdown) kill(getpid(), SIGKILL);
}
static int in_folder(const char *path) {
    return armed && path && strncmp(path, folder, strlen(folder)) == 0;
}
static int known(int fd) { return armed && fd >= 0 && fd < (int)sizeof ours && ours[fd]; }
static int note(int fd, int mine) {
    if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = (char)mine;
    return fd;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MODE(flags)                                     \
    mode_t mode = 0;                                    \
    if ((flags) & (O_CREAT | O_TMPFILE)) {              \
        va_list args;                                   \
        va_start(args, flags);                          \
        mode = (mode_t)va_arg(args, int);               \
        va_end(args);                                   \
    }
#define OPEN(name)                                      \
    int name(const char *path, int flags, ...) {        \
        MODE(flags)                                     \
        int mine = in_folder(path);                     \
        if (mine) hit();                                \
        return note(REAL(name)(path, flags, mode), mine); \
    }
#define OPENAT(name)                                    \
    int name(int at, const char *path, int flags, ...) { \
        MODE(flags)                                     \
        int mine = in_folder(path);                     \
        if (mine) hit();                                \
        return note(REAL(name)(at, path, flags, mode), mine); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) { note(fd, 0); return REAL(close)(fd); }

#define ON_FD(result, name, params, call)               \
    result name params {                                \
        if (known(fd)) hit();                           \
        return REAL(name) call;                         \
    }
ON_FD(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
ON_FD(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FD(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
ON_FD(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, (int fd, off64_t n), (fd, n))

ssize_t sendfile(int fd, int in, off_t *o, size_t n) {
    if (known(fd)) hit();
    return REAL(sendfile)(fd, in, o, n);
}
ssize_t sendfile64(int fd, int in, off64_t *o, size_t n) {
    if (known(fd)) hit();
    return REAL(sendfile64)(fd, in, o, n);
}
ssize_t copy_file_range(int in, off64_t *io, int fd, off64_t *oo, size_t n, unsigned flags) {
    if (known(fd)) hit();
    return REAL(copy_file_range)(in, io, fd, oo, n, flags);
}

#define ON_PATH(name, params, call)                     \
    int name params {                                   \
        if (in_folder(path)) hit();                     \
        return REAL(name) call;                         \
    }
ON_PATH(rename, (const char *path, const char *to), (path, to))
ON_PATH(renameat, (int at, const char *path, int at2, const char *to), (at, path, at2, to))
ON_PATH(link, (const char *path, const char *to), (path, to))
ON_PATH(linkat, (int at, const char *path, int at2, const char *to, int f), (at, path, at2, to, f))
ON_PATH(unlink, (const char *path), (path))
ON_PATH(unlinkat, (int at, const char *path, int flags), (at, path, flags))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
ON_PATH(rmdir, (const char *path), (path))
