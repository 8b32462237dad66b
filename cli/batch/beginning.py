"""What begins a batch: what is asked first, what is uploaded, and what is noted before it is opened."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from cli.batch.asking import told_or_asked
from cli.batch.defaults import Defaults
from cli.batch.differences import Difference, difference, other_settings
from cli.batch.lines import Line
from cli.batch.local_images import ChangedImageError, LocalImages
from cli.batch.manifest import Manifest
from cli.batch.models import Models
from cli.batch.names import USUAL, Names
from cli.batch.place import owners_of, sheets
from cli.batch.prepared import Prepared, of_images
from cli.batch.price import price_of
from cli.batch.records import Record, Records
from cli.batch.sending import opened
from cli.batch.shared_budget import left_of
from cli.batch.wrong import Wrong, refuse
from cli.complaint import ComplaintError
from cli.terminal import say
from jobs.states import Priority
from segq_client import Client

_TOLD_EVERY = 10.0
_MOST_SHEETS = 100
_LONGEST_NAME = 200
_CHANGED = frozenset({"budget", "priority", "names"})
"""Settings that batches that are there can be given."""
_OTHERWISE = (
    "`--add` sends what is new or changed in a further batch, whose results join the same manifest; "
    "`--new` begins anew"
)


class Beginning:
    """Of one folder. Nothing costs anything before somebody has agreed to its price."""

    def __init__(
        self,
        client: Client,
        options: argparse.Namespace,
        records: Records,
        local: LocalImages,
        defaults: Defaults,
    ) -> None:
        self._client = client
        self._options = options
        self._records = records
        self._local = local
        self._defaults = defaults
        self._is_anew = False
        names = self._settings().get("names")
        # Of batches that may have made images: some may be here, so called, though no manifest says so.
        self._opened = {
            name
            for one in records.all
            if one.id is not None and one.settings.get("names") == names
            for name in one.plan
        }

    def is_anew(self, prepared: Prepared) -> bool:
        """Whether `--new` is to be followed: what it has begun before, of this very list, is gone on
        with until it is over, or the same command would pay for it twice.
        """
        if not self._options.new:
            return False
        last = self._records.all[-1] if self._records.all else None
        self._is_anew = (
            last is None
            or not last.is_anew
            or last.is_told
            or not other_settings(last, self._settings()).keys() <= _CHANGED
            or not self._is_same(self._difference(prepared), prepared)
        )
        if self._is_anew:
            self._records.leave()
        return self._is_anew

    def begun(
        self, name: str, prepared: Prepared, models: Models, names: Names, manifest: Manifest
    ) -> Prepared:
        """Note a batch of what is new or changed in the list, if there is anything and it is agreed to.

        Raises `ComplaintError` where it is not. The result is without lines whose images the gateway
        has refused.
        """
        records, settings = self._records, self._settings()
        found = self._difference(prepared)
        others = other_settings(records.all[-1], settings) if records.all else {}
        if not others and self._is_same(found, prepared):
            return prepared
        fresh = [one for one in prepared.lines.all if one.custom_id in found.to_send]
        counts = {name: kind.images for name, kind in prepared.kinds.items()}
        owners = owners_of(self._options.out, manifest)
        refuse(names.wrong(self._whole(prepared, fresh), counts, owners, self._opened))
        if records.all:
            if not fresh:
                _refuse_others(others)
            self._agree_to_others(found, list(others.values()))
            records.gone |= set(found.gone)
        if not fresh:
            self._change(settings, _CHANGED)
            return prepared
        budget = self._budget()
        self._agree_to_price(prepared, fresh, models, budget)
        prepared = self.uploaded(prepared, [one.custom_id for one in fresh])
        plan = {one: digest for one, digest in prepared.digests.items() if one in found.to_send}
        if self._is_anew:
            theirs = ("manifest.jsonl", *sheets(_MOST_SHEETS))
            records.put_aside([self._options.out / one for one in theirs])
        # What is left of a budget is the further batch's; the others keep what they have.
        self._change(settings, _CHANGED - {"budget"})
        if plan:
            members = self._members(settings, Path(name).name.lstrip("-"), budget)
            records.begin(members, settings, plan, is_anew=self._is_anew)
        return prepared

    def uploaded(self, prepared: Prepared, ids: Sequence[str]) -> Prepared:
        """Upload the images of these lines; raises `ComplaintError` where the gateway refuses some."""
        digests = {one for name in ids for one in prepared.images.get(name, {}).values()}
        wanted = {one: prepared.paths[one] for one in sorted(digests)} | dict(self._defaults.paths)
        left = [one for one in wanted if self._local.is_to_upload(one)]
        if not left:
            return prepared
        say(f"uploading {len(left):,} image{'' if len(left) == 1 else 's'}")
        try:
            refused = self._local.upload(self._client, wanted, _Left())
        except ChangedImageError as error:
            raise ComplaintError(str(error)) from error
        of_all = self._defaults.images.items()
        refuse([Wrong("--set", refused[one], name) for name, one in of_all if one in refused])
        bad = of_images(prepared, refused, ids)
        found = prepared.without(bad)
        if not self._options.skip_bad or not found.lines.all:
            refuse(list(bad.values()))
        return found

    def _whole(self, prepared: Prepared, fresh: Sequence[Line]) -> Iterator[tuple[int, Line]]:
        """All lines whose images come here, also of earlier batches, with their positions."""
        records = self._records
        listed = {one.custom_id: one for one in prepared.lines.all}
        renewed = {one.custom_id for one in fresh}
        for record in records.all:
            later = records.superseded(record) | renewed
            for name, position in records.positions(record).items():
                if name not in later:
                    gone = Line(name, 0, f"line {name!r} of an earlier batch", {})
                    yield position, listed.get(name, gone)
        yield from enumerate(fresh, records.next_position)

    def _agree_to_others(self, found: Difference, others: list[str]) -> None:
        left = [one for one in self._records.all if not found.to_send.isdisjoint(one.cut)]
        others += [one.short for one in left if one.short is not None]
        if found:
            others.append(f"beside what this folder's batch was made of the list has {found}")
        question = "send what is new or changed in a further batch?"
        told_or_asked(others, question, is_agreed=self._options.add, otherwise=_OTHERWISE)

    def _difference(self, prepared: Prepared) -> Difference:
        return difference(self._records.all, self._records.gone, prepared.digests)

    def _is_same(self, found: Difference, prepared: Prepared) -> bool:
        """Whether nothing differs, or nothing but lines that an earlier batch did not take: what it
        has made is fetched first, and then it is told that these are left.
        """
        cut = {
            name
            for record in self._records.all
            for name, digest in record.cut.items()
            if prepared.digests.get(name) == digest
        }
        return not found or (not self._options.add and not found.gone and found.to_send <= cut)

    def _budget(self, besides: Record | None = None) -> Decimal | None:
        """Of a further batch, or of that one; None: it has none."""
        budget = self._options.budget
        if budget is None:
            return None
        return left_of(budget, self._client, self._records, besides)

    def _agree_to_price(
        self, prepared: Prepared, fresh: Sequence[Line], models: Models, budget: Decimal | None
    ) -> None:
        price = price_of(self._client, models, prepared.kinds, fresh, self._options.priority)
        told = price.lines()
        if budget is not None and price.amount > budget:
            told.append(
                f"what is left of the budget, ${budget:f}, does not cover all: the rest will not be "
                "taken"
            )
        told_or_asked(
            told,
            f"spend up to ${price.amount}?",
            is_agreed=self._options.yes,
            otherwise=f"up to ${price.amount} would be spent: `--yes` agrees to that",
        )

    def _settings(self) -> dict[str, object]:
        """What the batch is opened with, in the words of the command."""
        options = self._options
        found = {
            "model": options.model,
            "set": dict(self._defaults.values) or None,
            "name": options.name,
            "budget": None if options.budget is None else f"{options.budget:f}",
            "priority": options.priority,
            "stop-after": options.stop_after,
            "keep-outputs": options.keep_outputs,
            "keep-jobs": options.keep_jobs,
            "names": None if options.names == USUAL else options.names,
        }
        return {one: value for one, value in found.items() if value is not None}

    def _members(
        self, settings: dict[str, object], name: str, budget: Decimal | None
    ) -> dict[str, object]:
        """The same as the API has it. `name`: the list's; `budget`: what is left for it."""
        same = ("model", "name", "priority")
        # A file's name may be no UTF-8.
        own = name[:_LONGEST_NAME].encode(errors="replace").decode()
        found: dict[str, object] = {"name": own}
        found |= {one: settings[one] for one in same if one in settings}
        if budget is not None:
            found["budget"] = f"{budget:f}"
        if self._defaults.values:
            found["input"] = self._defaults.placed(self._local)
        found |= {
            one.replace("-", "_"): settings[one]
            for one in ("keep-outputs", "keep-jobs")
            if one in settings
        }
        if "stop-after" in settings:
            found |= {"on_error": "stop_after_n", "stop_after": settings["stop-after"]}
        return found

    def _change(self, settings: dict[str, object], what: frozenset[str]) -> None:
        """Of batches that are there."""
        for record in self._records.all:
            others = other_settings(record, settings).keys() & what
            wanted: dict[str, object] = {}
            if "priority" in others:
                wanted["priority"] = settings.get("priority", Priority.NORMAL)
            if "budget" in others:
                budget = self._budget(record)
                wanted["budget"] = None if budget is None else f"{budget:f}"
            if wanted and record.ended is None:
                if record.id is None:
                    record.id = opened(self._client, self._records, record)
                self._client.batches.change(record.id, **wanted)
            for name in others:
                record.settings.pop(name, None)
                record.settings |= {name: settings[name]} if name in settings else {}
            self._records.save()


def _refuse_others(others: Mapping[str, str]) -> None:
    """Raises `ComplaintError` for what cannot be given to batches that are there."""
    told = [said for name, said in others.items() if name not in _CHANGED]
    if told:
        raise ComplaintError(
            f"{'; '.join(told)}: no batch that is there can be given that, and the list has nothing "
            "for a further one; `--new` begins anew"
        )


class _Left:
    """Says now and then how many are left."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self, left: int) -> None:
        if time.monotonic() - self._at >= _TOLD_EVERY:
            self._at = time.monotonic()
            say(f"{left:,} images are to be uploaded yet")
