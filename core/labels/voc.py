"""Labels of objects in Pascal VOC's XML: one file for each picture, in ``Annotations`` or beside the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.common.errors import ImagesError
from core.common.text import say
from core.labels.base import Labels, describe, place_and_classes
from core.labels.class_names import names_near
from core.labels.objects import Box, Objects
from core.labels.picture_size import picture_size
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.labels.reading import read_xml
from core.tasks.predictions import ObjectTruth

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FOLDERS = ("Annotations", "annotations", "xml", "xmls", "labels")
_PEEKED = 20


def find_voc(places: Places, pictures: Pictures) -> Labels | None:
    """XML files called like the pictures.

    Raises:
        ImagesError: there are such files, but none of those looked at is XML.
    """
    files = {picture: path for picture in pictures.files if (path := _xml_file(picture, places)) is not None}
    if not files or not _are_annotations(files):
        return None
    names = names_near(places, files.values())
    problems = Problems()
    problems.note("no-label", places.base, len(pictures.files) - len(files))
    parts = place_and_classes(places.said(next(iter(files.values())).parent), names)
    return Labels(
        "objects",
        describe(say("boxes"), len(files), len(pictures.files), "Pascal VOC", *parts),
        frozenset(files),
        _VocReader(files, problems).truth,
        class_names=names,
        noted=problems,
    )


@dataclass(frozen=True, eq=False)
class _VocReader:
    files: Mapping[Path, Path]
    problems: Problems

    def truth(self, picture: Path) -> ObjectTruth | None:
        """The objects of a picture; those that VOC calls difficult count neither as found nor as missed.

        Raises:
            ImagesError: its file is no XML.
        """
        root, size = read_xml(self.files[picture]), picture_size(picture)
        if size is None:
            self.problems.note("unreadable-file", picture)
            return None
        way = size.way_from(_declared(root))
        if way is None:
            self.problems.note("other-size", picture)
            return None
        objects, first = Objects(picture, size), _first_pixel(root)
        for element in root.findall("object"):
            box, name = _box(element, first), (element.findtext("name") or "").strip()
            if box is None or not name:
                objects.note("not-finite")
            else:
                objects.add(way.box(box), name, crowd=(element.findtext("difficult") or "").strip() == "1")
        return objects.truth(self.problems)


def _xml_file(picture: Path, places: Places) -> Path | None:
    name = f"{picture.stem}.xml"
    for files in (*places.beside(picture, _FOLDERS), places.files(places.directory(picture))):
        if name in files:
            return files[name]
    return None


def _are_annotations(files: Mapping[Path, Path]) -> bool:
    paths = list(files.values())
    errors = []
    chosen = paths[:: max(1, len(paths) // _PEEKED)][:_PEEKED]
    for path in chosen:
        try:
            if read_xml(path).tag == "annotation":
                return True
        except ImagesError as exc:
            errors.append(exc)
    if len(errors) == len(chosen):
        raise errors[0]
    return False


def _first_pixel(root: Element) -> float:
    """The number of the first pixel: 1 in VOC's own data sets, whose boxes include their last pixel; tools that write
    this format count edges from 0.
    """
    words = f"{root.findtext('folder')} {root.findtext('source/database')}"
    return 1.0 if "VOC" in words else 0.0


def _declared(root: Element) -> tuple[float, float] | None:
    width, height = _number(root, "size/width"), _number(root, "size/height")
    return None if width is None or height is None else (width, height)


def _box(element: Element, first: float) -> Box | None:
    x1, y1, x2, y2 = (_number(element, f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax"))
    if x1 is None or y1 is None or x2 is None or y2 is None:
        return None
    return x1 - first, y1 - first, x2, y2


def _number(element: Element, path: str) -> float | None:
    try:
        return float(element.findtext(path) or "")
    except ValueError:
        return None
