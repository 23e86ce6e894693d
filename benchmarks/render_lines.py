"""Render lines of text as pictures, to compare text readers on: words, numbers and Chinese in several fonts.

    python benchmarks/render_lines.py lines --count 500
    python benchmarks/render_lines.py scenes --count 60 --photographs PHOTOGRAPHS

With photographs several lines are put on each, for models that find text. The same seed gives the same pictures with
the same fonts. Fonts are those of the system whose names are given, by default DejaVu and Noto CJK; without any it
stops.
"""

from __future__ import annotations

import argparse
import random
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

_FOLDERS = (Path("/usr/share/fonts"), Path.home() / ".fonts", Path("/Library/Fonts"), Path("C:/Windows/Fonts"))
_LATIN = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")
_CHINESE = ("NotoSansCJK-Regular", "NotoSerifCJK-Bold", "NotoSerifCJK-Regular")

_WORDS = (
    "press edge total number date street invoice model paper window market station report river coffee garden school "
    "north metal light public second summer winter yellow travel simple signal battery camera network device weight"
)
_CHARACTERS = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所"
    "民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社"
    "义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直"
)
_HEIGHT = 48
_SCENE = (640, 480)
"""Width and height in pixels."""


def main() -> None:
    """Write the pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photographs", type=Path, help="folder; lines are put on these, as signs and subtitles are")
    arguments = parser.parse_args()
    fonts = {"latin": _fonts(_LATIN), "chinese": _fonts(_CHINESE)}
    if not all(fonts.values()):
        parser.error(f"none of these fonts is installed: {', '.join((*_LATIN, *_CHINESE))}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(arguments.seed)
    photographs = sorted(arguments.photographs.glob("*.*g")) if arguments.photographs else []
    for number in range(arguments.count):
        if photographs:
            scene = _scene(photographs[number % len(photographs)], fonts, dice)
            scene.save(arguments.folder / f"scene_{number:04}.png")
        else:
            _line(fonts, dice).save(arguments.folder / f"line_{number:04}.png")


def _line(fonts: Mapping[str, Sequence[Path]], dice: random.Random) -> Image.Image:
    kind = dice.choice(("words", "chinese", "numbers", "mixed"))
    font = dice.choice(fonts["latin" if kind in ("words", "numbers") else "chinese"])
    return _render(_text(kind, dice), font, dice)


def _scene(photograph: Path, fonts: Mapping[str, Sequence[Path]], dice: random.Random) -> Image.Image:
    """A photograph with two to six lines of other sizes, one below the other."""
    with Image.open(photograph) as opened:
        scene = opened.convert("RGB").resize(_SCENE)
    count = dice.randint(2, 6)
    for row in range(count):
        line = _line(fonts, dice)
        scale = dice.uniform(0.5, 1.3)
        line = line.resize((int(line.width * scale), int(line.height * scale)))
        left = dice.randint(0, max(0, scene.width - line.width))
        scene.paste(line, (left, row * scene.height // count + dice.randint(0, 16)))
    return scene


def _fonts(names: Sequence[str]) -> list[Path]:
    files = [path for folder in _FOLDERS if folder.is_dir() for path in sorted(folder.rglob("*.tt[fc]"))]
    return [path for name in names for path in files if path.stem == name]


def _text(kind: str, dice: random.Random) -> str:
    if kind == "words":
        words = dice.sample(_WORDS.split(), dice.randint(2, 4))
        return " ".join(dice.choice((str.lower, str.title, str.upper))(word) for word in words)
    if kind == "numbers":
        return "".join(dice.choices(string.digits + "0123456789-./:,%#ABCXYZ", k=dice.randint(6, 16)))
    characters = "".join(dice.choices(_CHARACTERS, k=dice.randint(4, 11)))
    return characters if kind == "chinese" else f"{characters[:5]}{dice.choice(_WORDS.split())}{dice.randint(0, 9999)}"


def _render(text: str, path: Path, dice: random.Random) -> Image.Image:
    """Dark on light or light on dark, a little blurred and noisy, as a camera would see it."""
    font = ImageFont.truetype(str(path), dice.randint(26, 36))
    left, top, right, bottom = font.getbbox(text)
    margin = dice.randint(4, 16)
    paper, ink = dice.randint(150, 255), dice.randint(0, 90)
    if dice.random() < 0.2:
        paper, ink = ink, paper
    tint = [dice.randint(-20, 20) for _ in range(3)]
    colour = tuple(max(0, min(255, paper + shift)) for shift in tint)
    picture = Image.new("RGB", (int(right - left) + 2 * margin, _HEIGHT), colour)
    height = (_HEIGHT - (bottom - top)) / 2 - top + dice.randint(-2, 2)
    ImageDraw.Draw(picture).text((margin - left, height), text, font=font, fill=(ink, ink, ink))
    picture = picture.rotate(dice.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(dice.uniform(0, 1.1)))
    noise = Image.effect_noise(picture.size, dice.uniform(2, 24)).convert("RGB")
    return Image.blend(picture, noise, dice.uniform(0, 0.15))


if __name__ == "__main__":
    main()
