"""Row programs of every preset's plan: one on every path, each row tensor once, and no more bytes than that needs."""
import pathlib
import sys

import mixlntest as mt
import plan

B, T, D, F, V = 2, 8, 16, 24, 40
R = B * T
work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json", num_hidden_layers=4, hidden_size=D, intermediate_size=F, vocab_size=V)

# Row tensors [R, D] that the row program between two branches must read and write.
#   forward: streams and F in; streams and the next branch's input out (Post: the stream is that input)
#   backward: the forward's inputs and the cotangents of its outputs in; cotangents of streams and F out (where both are
#   the same tensor, one)
# In Post the one output has two readers, whose cotangents both come in.
STREAM = {
    "pre": (2 + 2, 4 + 1),
    "post": (2 + 1, 4 + 1),
    "lns": (2 + 2, 4 + 1),
    "gpas": (2 + 2, 4 + 1),
    "sandwich": (2 + 2, 4 + 2),
    "siamese": (3 + 3, 6 + 3),
}
BY_HAND = dict(STREAM, post_pre=None)  # a mixture: between the two


def check_paths(preset, entry, dispatches):
    """No row program may read rows of another with no matmul, attention, embedding or sum over rows between them."""
    plan.link(dispatches)
    order = {id(d): i for i, d in enumerate(dispatches)}

    def separated(a, b):
        # Paths from a that have passed something that separates row programs.
        reached, apart = {id(a)}, set()
        for d in dispatches[order[id(a)] + 1:order[id(b)] + 1]:
            before = [(p, s) for p, _, s in d.producers if id(p) in reached]
            passes = any(s or id(p) in apart for p, s in before)
            if d is b:
                return passes
            if before:
                reached.add(id(d))
                if passes or not d.is_rows:
                    apart.add(id(d))
        return False

    pairs = 0
    for b in dispatches:
        if not b.is_rows:
            continue
        for a, operand, is_sum in b.producers:
            if not a.is_rows or is_sum or operand.shape[:1] != (plan.first_extent(b),):
                continue
            pairs += 1
            # Two measurements that are the same number of a row: the second variable gets a copy.
            if entry == "gradient.measured" and b.kernel == "rows.copy.1":
                continue
            if not separated(a, b):
                mt.fail(f"{preset}, entry {entry}: {b.kernel} ({b.site}) reads rows of {a.kernel} ({a.site}) with "
                        "nothing between them")
    return pairs


def check_once(preset, entry, dispatches):
    for d in dispatches:
        if not d.is_rows:
            continue
        seen = [(o.offset, o.bytes) for o in d.reads if len(o.shape) > 1]
        if len(seen) != len(set(seen)):
            mt.fail(f"{preset}, entry {entry}: {d.kernel} ({d.site}) reads a row tensor twice")
        seen = [o.offset for o in d.writes]
        if len(seen) != len(set(seen)):
            mt.fail(f"{preset}, entry {entry}: {d.kernel} ({d.site}) writes a tensor twice")
        moved = sum(o.bytes for o in d.reads + d.writes)
        if moved != d.bytes:
            mt.fail(f"{preset}, entry {entry}: {d.kernel} moves {moved} bytes, the plan says {d.bytes}")


def row_bytes(dispatch, width):
    return sum(o.bytes for o in dispatch.reads + dispatch.writes if o.shape == (R, width))


def check_bytes(preset, dispatches):
    forward, backward = [], []
    for d in dispatches:
        # The programs between two branches: a combine joined with the next read.
        if d.is_rows and ".combine" in d.site and "readout" not in d.site:
            (backward if d.site.endswith("backward") else forward).append(row_bytes(d, D))
        if d.is_rows and d.site.endswith(".swiglu") and row_bytes(d, F) != 3 * R * F * 4:
            mt.fail(f"{preset}: SwiGLU moves {row_bytes(d, F)} bytes, expected {3 * R * F * 4}")
        if d.is_rows and d.site.endswith(".swiglu.backward") and row_bytes(d, F) != 5 * R * F * 4:
            mt.fail(f"{preset}: SwiGLU's backward moves {row_bytes(d, F)} bytes, expected {5 * R * F * 4}")
    tensor = R * D * 4
    # 4 layers have 8 branches: 7 programs between them, and as many backward.
    for what, found, index in (("forward", forward, 0), ("backward", backward, 1)):
        if len(found) != 7:
            mt.fail(f"{preset}: {len(found)} row programs between branches {what}, expected 7")
        if BY_HAND[preset] is not None:
            bound = BY_HAND[preset][index] * tensor
            # The first reads the embedding as every stream.
            if max(found) > bound or sorted(found)[1] < bound - tensor:
                mt.fail(f"{preset}: row programs {what} move {found} bytes, expected {bound}")
        else:
            bound = 7 * max(STREAM["pre"][index], STREAM["post"][index]) * tensor
            if sum(found) > bound:
                mt.fail(f"{preset}: row programs {what} move {sum(found)} bytes, expected at most {bound}")
        print(f"{preset} {what}: {sum(found)} bytes in {len(found)} row programs between branches")


pairs = 0
for preset in mt.presets():
    # As fuse leaves it: rematerialize computes some of it again, which is another question.
    fused = work / f"{preset}.mlir"
    fused.write_text(mt.plan_of(config, mt.spec(preset, 2), B, T, to="fuse"))
    found = plan.entries(mt.plan_of(fused, None, B, T, extra=("--compile_from", "plan")))
    for entry in ("gradient", "gradient_add", "loss", "logits", "gradient.measured"):
        pairs += check_paths(preset, entry, found[entry])
        check_once(preset, entry, found[entry])
    if preset in BY_HAND:
        check_bytes(preset, found["gradient"])
print(f"{len(mt.presets())} presets, {pairs} streams between row programs, each past a matmul or attention")
