"""Checkpoints made to hurt, and damaged ones, built from opcodes: PyTorch is not needed for any."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

CLEAN_META = b"}"


def text(words):
    return b"X" + struct.pack("<I", len(words)) + words


def weights_pickle(meta=CLEAN_META):
    """``{"state_dict": {"w": four numbers}, "meta": ...}``, as PyTorch writes it."""
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + b"K\4tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0K\4\x85K\1\x85\x89ccollections\nOrderedDict\n)RtR"
    weights = b"}" + text(b"w") + tensor + b"s"
    return b"\x80\2}(" + text(b"state_dict") + weights + text(b"meta") + meta + b"u."


def archive(files, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as written:
        for name, data in files:
            written.writestr(name, data)
    return content.getvalue()


def checkpoint(pickled=None, *more):
    pickled = weights_pickle() if pickled is None else pickled
    files = [("a/data.pkl", pickled), ("a/byteorder", b"little"), ("a/data/0", bytes(16)), ("a/version", b"3\n")]
    return archive([*files, *more])


class Act:
    """Makes a file where it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f'echo ran > "{self.mark}"',)


def act(mark, protocol=2):
    return pickle.dumps(Act(mark), protocol)


def act_inside(mark):
    """As a part of another pickle: without its first two and its last bytes."""
    return act(mark)[2:-1]


def legacy(meta=CLEAN_META):
    """The sequence of pickles of PyTorch before 1.6, and the data."""
    magic, protocol, system = (
        pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    return magic + protocol + system + weights_pickle(meta) + pickle.dumps(["0"], 2) + struct.pack("<q4f", 4, *range(4))


def memoized(mark):
    """Its names come out of the memo, and its function from a STACK_GLOBAL."""
    command = f'echo ran > "{mark}"'.encode()
    return b"\x80\4\x8c\5posix\x940\x8c\6system\x940h\0h\1\x93\x8c" + bytes([len(command)]) + command + b"\x85R."


def computed(mark):
    """Something lies between the names on the stack and the opcode that takes them."""
    command = f'echo ran > "{mark}"'.encode()
    return b"\x80\4\x8c\5posix\x8c\6systemN0\x93\x8c" + bytes([len(command)]) + command + b"\x85R."


def instance(mark):
    return b"(S'echo ran > \"" + str(mark).encode() + b"\"'\niposix\nsystem\n."


def torch_export(mark, name="a"):
    inner = checkpoint(act(mark))
    files = [(f"{name}/archive_format", b"pt2"), (f"{name}/models/model.json", b"{}"), (f"{name}/version", b"0")]
    return archive(
        [*files, (f"{name}/data/weights/weight_0", inner), (f"{name}/data/constants/opaque_obj_0", act(mark))]
    )


def script(mark):
    code = f"def forward(self, x):\n  return torch.from_file({str(mark)!r}, True, 8)\n".encode()
    return checkpoint(b"\x80\2c__torch__\nNet\n)\x81.", ("a/constants.pkl", b"\x80\2)."), ("a/code/__torch__.py", code))


def with_field(content, place, value):
    """Set a field in every entry of an archive's directory."""
    changed, at = bytearray(content), 0
    while (at := changed.find(b"PK\1\2", at)) >= 0:
        changed[at + place : at + place + len(value)] = value
        at += 4
    return bytes(changed)


ACTS = {
    "global.pth": lambda mark: checkpoint(weights_pickle(act_inside(mark))),
    "memoized.pth": lambda mark: checkpoint(memoized(mark)),
    "computed.pth": lambda mark: checkpoint(computed(mark)),
    "instance.pth": lambda mark: checkpoint(instance(mark)),
    "no_archive.pth": act,
    "text_protocol.pth": lambda mark: act(mark, 0),
    "legacy.pth": lambda mark: legacy(act_inside(mark)),
    "upper_case.pth": lambda mark: archive([("a/DATA.PKL", act(mark)), ("a/version", b"3")]),
    "second_of_one_name.pth": lambda mark: checkpoint(weights_pickle(), ("a/data.pkl", act(mark))),
    "other_name.pth": lambda mark: checkpoint(weights_pickle(), ("a/extra", act(mark, 4))),
    "extension.pth": lambda mark: checkpoint(b"\x80\2\x82\1)R."),
    "eval.pth": lambda mark: checkpoint(weights_pickle(b"cbuiltins\neval\n")),
    "torch_gadget.pth": lambda mark: checkpoint(weights_pickle(b"ctorch.hub\nload\n")),
    "numpy_gadget.pth": lambda mark: checkpoint(weights_pickle(b"cnumpy.testing._private.utils\nrunstring\n")),
    "nested_unpickler.pth": lambda mark: checkpoint(weights_pickle(b"ctorch.storage\n_load_from_bytes\n")),
    "broken_after_it_ran.pth": lambda mark: checkpoint(act(mark)[:-1] + b"\xff"),
    "exported.pt2": torch_export,
    "exported.pth": torch_export,
    "script.pt": script,
}
"""Files that would act, each built with the path of the file that this would make."""

BOMBS = {
    "expands.pth": lambda: archive([("a/data.pkl", b"\x80\2" + b"N" * (300 << 20))], zipfile.ZIP_DEFLATED),
    "long_pickle.pth": lambda: checkpoint(b"\x80\2" + b"N0" * (2 << 20) + b"."),
    "deep.pth": lambda: checkpoint(b"\x80\2" + b"(" * 1_000_000 + b"."),
    "claims.pth": lambda: checkpoint(b"\x80\4\x8e" + struct.pack("<Q", 1 << 40) + b"."),
    "claims_without_archive.pth": lambda: b"\x80\4\x8e" + struct.pack("<Q", 1 << 40) + b".",
    "long_number.pth": lambda: checkpoint(b"L" + b"9" * 10_000_000 + b"L\n."),
    "many_entries.pth": lambda: many_entries(b"data", 210_000),
    "archives_in_archives.pth": lambda: nested(12),
    "encrypted.pth": lambda: with_field(checkpoint(), 8, b"\1\0"),
    "odd_method.pth": lambda: with_field(checkpoint(), 10, b"\x62\0"),
    "cut.pth": lambda: checkpoint()[:200],
    "empty.pth": lambda: b"",
    "one_byte.pth": lambda: b"\x80",
}
"""Files that would take too much, or are none."""


def many_entries(data, count):
    """Every entry of the directory is the same data, which takes its place in the file once."""
    content = archive([("bin/aaaaaa", data)], zipfile.ZIP_DEFLATED)
    start, end = content.find(b"PK\1\2"), content.rfind(b"PK\5\6")
    directory = b"".join(content[start:end].replace(b"aaaaaa", b"%06d" % index) for index in range(count))
    finish = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), start, 0)
    return content[:start] + directory + finish


def growing():
    """A text of one megabyte is encoded ten thousand times, which weights may ask for."""
    encode = b"c_codecs\nencode\nq\1" + text(b"a" * (1 << 20)) + b"q\2" + text(b"latin1") + b"q\3"
    return b"\x80\2](" + encode + b"h\1h\2h\3\x86R" * 10_000 + b"e."


def slow():
    """The letters of a long text are counted fifty thousand times, which weights may ask for."""
    count = b"ccollections\nCounter\nq\1" + text(b"ab" * (1 << 19)) + b"q\2"
    return b"\x80\2](" + count + b"h\1h\2\x85R" * 50_000 + b"e."


def nested(depth):
    content = checkpoint()
    for _ in range(depth):
        content = archive([("a/data/weights/w", content)])
    return content


def damaged(number: int, mark: Path) -> tuple[str, bytes]:
    """A name and the content of one of any number of damaged files, always the same for a number.

    Two of three are sound archives with a damaged pickle in them; of the others any byte may be damaged.
    """
    chance = random.Random(number)
    if chance.randrange(3):
        pickles = [weights_pickle(), weights_pickle(act_inside(mark)), act(mark), act(mark, 4), memoized(mark)]
        content = _damaged(chance.choice(pickles), chance)
        return f"{number}-pickle.pth", checkpoint(content) if chance.randrange(4) else content
    name = chance.choice([*ACTS, "clean.pth", "old.pth"])
    content = ACTS[name](mark) if name in ACTS else {"clean.pth": checkpoint, "old.pth": legacy}[name]()
    return f"{number}-{name}", _damaged(content, chance)


def _damaged(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(changed) + 1)
        way = chance.randrange(6)
        if way == 0:
            del changed[at:]
        elif way == 1:
            changed[at : at + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
        elif way == 2:
            changed[at:at] = changed[chance.randrange(len(changed) + 1) :][: chance.randrange(200)]
        elif way == 3:
            changed[at : at + 8] = struct.pack("<q", chance.choice([-1, 2**62, 2**31, 0]))
        elif changed:
            changed[at % len(changed)] ^= 1 << chance.randrange(8)
    return bytes(changed)
