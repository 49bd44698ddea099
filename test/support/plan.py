"""Reads a planned module: the dispatches of an entry with the ranges that they read and write."""
import re
from dataclasses import dataclass, field

TENSOR = re.compile(r"tensor<([^,>]*)(, #mixln\.packed(?:<\w+>)?)?>")
SIZES = {"f32": 4, "i32": 4, "bf16": 2}


@dataclass
class Operand:
    offset: int
    shape: tuple
    bytes: int

    def overlaps(self, other):
        return self.offset < other.offset + other.bytes and other.offset < self.offset + self.bytes


@dataclass
class Dispatch:
    kernel: str
    reads: list
    writes: list
    site: str
    rows: int = 0        # extent of the iteration domain of a row program
    bytes: float = 0.0   # as the plan has it
    producers: list = field(default_factory=list)

    @property
    def is_rows(self):
        return self.kernel.startswith("rows.")


def operands(text):
    offsets, types = text
    found = []
    for offset, (shape, _) in zip(re.findall(r"-?\d+", offsets), TENSOR.findall(types), strict=True):
        *extents, element = shape.split("x")
        extents = tuple(map(int, extents))
        size = SIZES[element]
        for extent in extents:
            size *= extent
        found.append(Operand(int(offset), extents, size))
    return found


def kernels(text):
    """Symbols of the kernels of a planned module."""
    return re.findall(r"^  mixln\.kernel @(\"[^\"]+\"|\S+)", text, re.MULTILINE)


def entries(text):
    """entry -> its dispatches in order."""
    found, dispatches = {}, None
    for line in text.splitlines():
        if entry := re.match(r'  mixln\.entry @("[^"]+"|\S+)', line):
            dispatches = found.setdefault(entry[1].strip('"'), [])
        elif (at := line.strip()).startswith("mixln.dispatch"):
            kernel = re.match(r'mixln\.dispatch @("[^"]+"|\S+)', at)[1].strip('"')
            domain = re.search(r"domain \[([^\]]*)\]", at)[1]
            reads = re.search(r" reads \[([^\]]*)\] : \[(.*?)\] writes ", at)
            writes = re.search(r" writes \[([^\]]*)\] : \[(.*?)\] \{", at)
            site = re.search(r'mixln\.site = "([^"]*)"', at)
            rows = 1
            for extent in re.findall(r"\d+", domain):
                rows *= int(extent)
            dispatches.append(Dispatch(
                kernel, operands(reads.groups()), operands(writes.groups()), site[1] if site else "", rows,
                float(re.search(r"bytes = ([\d.e+]+)", at)[1])))
    return found


def link(dispatches):
    """Finds for every operand read the dispatches that wrote it last: (producer, operand read, is a sum)."""
    for i, reader in enumerate(dispatches):
        for operand in reader.reads:
            for writer in reversed(dispatches[:i]):
                wrote = next((w for w in writer.writes if w.overlaps(operand)), None)
                if wrote is None:
                    continue
                is_sum = writer.is_rows and wrote.shape[:1] != (first_extent(writer),)
                reader.producers.append((writer, operand, is_sum))
                if wrote.offset <= operand.offset and \
                        operand.offset + operand.bytes <= wrote.offset + wrote.bytes:
                    break  # written whole: what came before is gone
    return dispatches


def first_extent(dispatch):
    """Rows of the row tensors of a row program: its largest leading extent that the domain is a multiple of."""
    extents = {o.shape[0] for o in dispatch.reads + dispatch.writes if o.shape and dispatch.rows % o.shape[0] == 0}
    return max(extents, default=0)
