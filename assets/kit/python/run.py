"""Run the model of this kit: ``python run.py picture.jpg [more pictures]``; ``python run.py --check`` tries it out.

Everything that it needs to know stands in preprocessing.json, and the names of the classes in labels.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from errors import UserError

try:
    from preprocessing import Box, Sample, load_sample
except ImportError as missing:
    sys.exit(f"{missing}. Install what the kit needs: python -m pip install -r requirements.txt")

KIT = Path(__file__).resolve().parent.parent
FORMAT = 1
"""Of preprocessing.json, which this program reads."""

_DONE, _WRONG, _UNUSABLE = 0, 1, 2


class Kit:
    """The kit, with its model loaded.

    Args:
        folder: the kit.
        threads: for one run of the model; 0 for every core.

    Raises:
        UserError: a file of the kit is missing or damaged, or a package is not installed.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.settings = _read_json(folder / "preprocessing.json")
        if self.settings.get("format") != FORMAT:
            raise UserError("preprocessing.json is of another version than this program.")
        labels = folder / "labels.txt"
        self.labels = labels.read_bytes().decode("utf-8").split("\n")[:-1] if labels.is_file() else []
        self.task = import_module(f"task_{self.settings['task']['module']}")
        self._model = _model_class(self.settings["model"]["runtime"])(folder, self.settings, threads)

    def answer(self, path: Path, box: Box | None = None) -> tuple[Sample, dict[str, Any]]:
        """What the model says of a picture or an array file, and the sample that was made of it.

        Raises:
            UserError: the file cannot be used, or the model does not run on it.
        """
        sample = load_sample(path, self.settings, box)
        outputs = self._model.run(sample.feeds)
        return sample, self.task.answer(outputs, sample, self.settings["task"], self.labels)


def _model_class(runtime: str) -> Callable[..., Any]:
    try:
        model: Callable[..., Any] = import_module(f"model_{runtime}").Model
    except ImportError as exc:
        raise UserError(f"{exc}. Install what the kit needs: python -m pip install -r requirements.txt") from exc
    return model


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UserError(f'"{path.name}" is missing or damaged. Unpack the kit again. ({exc})') from exc


def check(kit: Kit) -> int:
    """Run the examples, and say of each whether the answer is the expected one."""
    expected = _read_json(kit.folder / "examples" / "expected.json")
    if not expected["examples"]:
        _print("This kit has no examples: there were no test pictures when it was made. Try it on your own.")
        return _DONE
    right = 0
    for one in expected["examples"]:
        box = tuple(one["box"]) if one.get("box") else None
        verdict = kit.task.compare(one["answer"], kit.answer(kit.folder / "examples" / one["file"], box)[1])
        right += verdict.is_right
        _print(f"{one['file']}: {verdict.words}")
    count = len(expected["examples"])
    _print(f"{right} of {count} answers are as expected." if right < count else f"All {count} answers are as expected.")
    return _DONE if right == count else _WRONG


def answer_all(kit: Kit, options: argparse.Namespace) -> int:
    """Answer for each picture, in words or as JSON; one that cannot be used is told, and does not stop the others."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    is_failed = False
    for number, path in enumerate(options.pictures):
        try:
            sample, answer = kit.answer(path, options.box)
            if options.draw is not None:
                _draw(kit, sample, answer, _drawing_path(options.draw, path, number, len(options.pictures)))
        except UserError as exc:
            is_failed = True
            _print(f"{path}: {exc}", file=sys.stderr)
            continue
        found.append((str(path), answer))
        if not options.json:
            _tell(kit, path, answer, has_several=len(options.pictures) > 1)
    if options.json:
        _print(json.dumps([{"file": file, "answer": answer} for file, answer in found], ensure_ascii=False))
    elif len(found) > 1 and hasattr(kit.task, "together"):
        for line in kit.task.together([answer for _, answer in found]):
            _print(line)
    return _WRONG if is_failed else _DONE


def _tell(kit: Kit, path: Path, answer: Mapping[str, Any], *, has_several: bool) -> None:
    if has_several:
        _print(f"{path}:")
    for line in kit.task.words(answer):
        _print(f"  {line}" if has_several else line)


def _draw(kit: Kit, sample: Sample, answer: Mapping[str, Any], path: Path) -> None:
    from drawing import save

    if sample.picture is None:
        raise UserError("There is no picture to draw on: it was an array.")
    try:
        save(kit.task.draw(sample.picture, answer), path)
    except (OSError, ValueError) as exc:
        raise UserError(
            f'The drawing cannot be written to "{path}": {exc}. Its name must end in .png or .jpg.'
        ) from exc


def _drawing_path(out: Path, picture: Path, number: int, count: int) -> Path:
    """The file itself for one picture; for several, or where a folder is given, a file in it for each."""
    if count == 1 and out.suffix and not out.is_dir():
        return out
    return out / (f"{picture.stem}.png" if count == 1 else f"{number + 1}-{picture.stem}.png")


def _print(text: str, *, file: Any = None) -> None:
    """Without the orders to a terminal that a name may hold."""
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), file=file or sys.stdout)


def _box(text: str) -> Box:
    try:
        x1, y1, x2, y2 = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not x1,y1,x2,y2") from exc
    if not (x1 < x2 and y1 < y2):
        raise argparse.ArgumentTypeError(f"{text!r} has no area: x2 and y2 must be larger than x1 and y1")
    return x1, y1, x2, y2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Run the model of this kit on pictures (or .npy and .npz arrays) and print its answers.",
    )
    parser.add_argument("pictures", nargs="*", type=Path, help="picture files, or arrays where the model takes those")
    parser.add_argument("--json", action="store_true", help="print the answers as JSON")
    parser.add_argument(
        "--draw", type=Path, metavar="OUT", help="also draw the answers: a .png or .jpg file, or a folder for several"
    )
    parser.add_argument(
        "--check", action="store_true", help="run the examples of the kit; ends with 0 if all are right"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="processor cores for one run (default: 1, with which the examples were made; 0: all of them)",
    )
    parser.add_argument(
        "--box",
        type=_box,
        metavar="X1,Y1,X2,Y2",
        help="for models that look at one body, face or hand: where it is, in pixels (default: the whole picture)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 where everything was answered, or is as expected."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a console of Windows lacks many characters
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.check and not options.pictures:
        parser.error("give a picture, or --check")
    try:
        kit = Kit(KIT, options.threads)
        if options.box is not None and kit.settings["object_crop"] is None:
            raise UserError("This model looks at whole pictures; leave --box out.")
        return check(kit) if options.check else answer_all(kit, options)
    except UserError as exc:
        _print(str(exc), file=sys.stderr)
        return _UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
