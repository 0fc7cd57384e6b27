"""Learning to learn: inner loops that learn tasks from examples."""

from __future__ import annotations

from l2l.optimizees.learning_to_learn.optimizee import LearningToLearn, LearningToLearnParameters

__all__ = ["LearningToLearn", "LearningToLearnParameters"]
