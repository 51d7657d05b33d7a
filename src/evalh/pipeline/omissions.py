"""What a server left out in silence: asked for, answered with 200, and not there. Pure.

A flag on the reply, and so on its record, says what is missing; what a judge asked for and did not get in its own form
("schema_ignored") the judge finds itself. The model that a server says it ran is compared for the whole run (`renamed`), since
it is the same for every reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from evalh.core.records import Completion, Request
from evalh.pipeline.asking import Target

NO_LOGPROBS: Final = "no_logprobs"
"""Log-probabilities were asked for, and none that can be used came."""
NO_USAGE: Final = "no_usage"
"""The server did not say how many tokens the reply took: it can be counted, but not priced."""


def noticed(request: Request, completion: Completion, target: Target) -> Completion:
    """The reply, flagged for what is missing of it; a backend that is not paid for has no tokens to count."""
    missing = [NO_LOGPROBS] if request.params.get("logprobs") and not completion.logprobs else []
    missing += [NO_USAGE] if completion.usage is None and target.backend.paid else []
    return replace(completion, flags=(*completion.flags, *missing)) if missing else completion


def renamed(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(label, the model asked for, the models that replied) of every model and judge model that a server calls otherwise.

    Args:
        manifest: run.json of the run.
    """
    asked = {label: model.get("model") for label, model in manifest["models"].items() if model.get("provider") != "file"}
    for judge in manifest["judges"].values():
        if judge.get("model") and judge.get("asks"):
            asked.setdefault(judge["asks"], judge["model"].get("model"))
    for label, pairs in manifest.get("served", {}).items():
        wanted = asked.get(label)
        names = tuple(dict.fromkeys(str(pair[0]) for pair in pairs if pair and pair[0]))
        if isinstance(wanted, str) and any(name != wanted for name in names):
            yield label, wanted, names
