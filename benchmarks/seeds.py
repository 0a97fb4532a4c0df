"""The toy tier over many seeds: no honest claim may be refuted, no mutant may survive.

Seeds 1, 2, 3 … until the minutes are up (or Ctrl-C), every theorem on its reference subjects and its mutants, with
the numbers of profile dev. Anything that is not as it must be is a finding: a refutation, a survivor, an error, a
vacuous or an inconclusive claim. The exit code is 1 if there is one.

    python -m benchmarks.seeds --minutes 30 --processes 2

The references of host code are many; to see them under hundreds of seeds, a few generated instances a claim:

    python -m benchmarks.seeds --seeds 200 --host-code --generated 3 --processes 2
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from queue import Empty
from typing import Any

from alignprops.config import resolve
from alignprops.engine import attack_mutants, evaluate
from alignprops.evidence.sampled import sample
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject, references_for
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem

AS_EXPECTED = (Verdict.HELD, Verdict.PROVED)


@dataclass(slots=True)
class SeedReport:
    """What one seed brought: the verdicts of the claims, honest instances, dead mutants, and the findings in words."""

    seed: int
    complete: bool = False
    verdicts: Counter[str] = field(default_factory=Counter)
    instances: int = 0
    killed: int = 0
    survivors: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, other: SeedReport) -> None:
        """Count another seed in."""
        self.verdicts += other.verdicts
        self.instances += other.instances
        self.killed += other.killed
        self.survivors += other.survivors
        self.findings += other.findings


@dataclass(frozen=True, slots=True)
class Scope:
    """What is checked at a seed: kinds of host code only, and only so many generated instances a claim (0: all)."""

    host_code: bool = False
    generated: int = 0


def check_seed(seed: int, stop: Any, scope: Scope = Scope()) -> SeedReport:  # frozen
    """All claims and all mutants at one seed; `complete` is False if `stop` was set on the way."""
    report = SeedReport(seed)
    if scope.generated:
        report.complete = _check_generated(seed, stop, scope, report)
        return report
    settings = resolve({"profile": "dev", "seed": seed}, environment={}).settings
    for theorem in find_theorems():
        for subject in references_for(theorem):
            if stop.is_set():
                return report
            _check_claim(theorem, subject, settings, report)
        if stop.is_set():
            return report
        _check_mutants(theorem, settings, report)
    report.complete = True
    return report


def _check_generated(seed: int, stop: Any, scope: Scope, report: SeedReport) -> bool:
    """Every claim on a few generated instances; False if `stop` was set on the way."""
    for theorem in find_theorems():
        if scope.host_code and theorem.kind not in HOST_KINDS:
            continue
        settings = Settings(max_examples=ceil(scope.generated / theorem.effort), seed=seed)
        for subject in references_for(theorem):
            if stop.is_set():
                return False
            claim = f"{theorem.id}::{subject.id}"
            exact = theorem.exact and subject.exact
            tally = sample(theorem, subject.get(), exact=exact, name=claim, settings=settings, explicit=False)
            wrong = tally.smallest_failure is not None or tally.too_small is not None
            report.verdicts["refuted" if wrong else "survived"] += 1
            report.instances += tally.effective
            if wrong:
                report.findings.append(f"{claim} at seed {seed}: {tally.broken or 'the tolerance is too small'}")
    return True


def _check_claim(theorem: Theorem, subject: Subject, settings: Settings, report: SeedReport) -> None:
    result = evaluate(theorem, subject, settings)
    report.verdicts[result.verdict] += 1
    report.instances += result.evidence.get("sampled", {}).get("effective", 0)
    if result.verdict not in AS_EXPECTED:
        report.findings.append(f"{result.verdict}: {result.id} at seed {settings.seed}: {result.reason}")


def _check_mutants(theorem: Theorem, settings: Settings, report: SeedReport) -> None:
    result = attack_mutants(theorem, settings)
    killed = sum(mutant["killed"] for mutant in result.mutants)
    report.killed += killed
    report.survivors += len(theorem.mutants) - killed
    if result.verdict not in AS_EXPECTED:
        report.findings.append(f"{result.verdict}: {theorem.id}::mutants at seed {settings.seed}: {result.reason}")


# --- processes ------------------------------------------------------------------------------------------------------


def _work(last_seed: Any, stop: Any, reports: Any, seeds: int | None, scope: Scope) -> None:
    """Take the next seed until told to stop; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while not stop.is_set():
        with last_seed.get_lock():
            last_seed.value += 1
            seed = last_seed.value
        if seeds is not None and seed > seeds:
            break
        reports.put(check_seed(seed, stop, scope))
    reports.put(None)


def run(minutes: float, processes: int, seeds: int | None, scope: Scope) -> Iterator[SeedReport]:
    """The reports of seeds 1, 2, 3 … as they come in, until there are enough, the time is up, or Ctrl-C."""
    context = mp.get_context("spawn")
    last_seed, stop, reports = context.Value("q", 0), context.Event(), context.Queue()
    given = (last_seed, stop, reports, seeds, scope)
    workers = [context.Process(target=_work, args=given) for _ in range(processes)]
    deadline = time.monotonic() + 60 * minutes
    for worker in workers:
        worker.start()
    working = processes
    while working:
        try:
            if time.monotonic() >= deadline:
                stop.set()
            report = reports.get(timeout=0.5)
        except Empty:
            _require_alive(workers, stop)
            continue
        except KeyboardInterrupt:
            stop.set()
            continue
        if report is None:
            working -= 1
        else:
            yield report
    for worker in workers:
        worker.join()


def _require_alive(workers: list[Any], stop: Any) -> None:
    broken = [worker for worker in workers if worker.exitcode not in (None, 0)]
    if broken:
        stop.set()
        raise RuntimeError(f"a process ended with exit code {broken[0].exitcode}; its message is above")


def main() -> int:
    """Run, print the findings as they come and the totals at the end."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--seeds", type=int, help="how many, if the time allows (default: no limit)")
    parser.add_argument("--host-code", action="store_true", help="only theorems about host code")
    parser.add_argument("--generated", type=int, default=0, help="only so many generated instances a claim")
    parser.add_argument("--processes", type=int, default=1, help="how many at once (default: 1)")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # claims are small; threads would only contend
    scope = Scope(arguments.host_code, arguments.generated)
    started, total, complete = time.monotonic(), SeedReport(0), 0
    for report in run(arguments.minutes, arguments.processes, arguments.seeds, scope):
        total.add(report)
        complete += report.complete
        for finding in report.findings:
            print(finding, flush=True)
        if sys.stderr.isatty():
            print(f"\rseed {report.seed}, {complete} complete", end="", file=sys.stderr)
    _print_totals(total, complete, time.monotonic() - started)
    return 1 if total.findings else 0


def _print_totals(total: SeedReport, complete: int, seconds: float) -> None:
    claims = sum(total.verdicts.values())
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(total.verdicts.items()))
    print(f"{complete} seeds completed in {seconds / 60:.1f} minutes")
    print(f"{claims} claims evaluated on {total.instances} effective instances: {verdicts}")
    print(f"{total.killed} mutants killed, {total.survivors} survived")
    print(f"{len(total.findings)} findings")


if __name__ == "__main__":
    sys.exit(main())
