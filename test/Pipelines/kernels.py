"""At most 80 distinct kernels, packing included, in every preset, independent of batch size and number of layers but for
what is computed again."""
import pathlib
import sys

import mixlntest as mt
import plan

LIMIT = 80
# A value is computed again while that lowers the peak, and where the peak lies follows from the sizes: at other sizes
# another row program may have a second form, which also computes again.
FORMS = 3
work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
# Both hold every kind of layer, and every kind next to every other that it meets.
small = mt.write_config(work / "5.json", num_hidden_layers=5)
large = mt.write_config(work / "9.json", num_hidden_layers=9)
CHUNKED = ("--chunk_rows", "3", "--chunk_threshold", "1")
# The placements whose layers differ most get the further variations.
MORE = {"pre", "post_pre", "siamese", "hybrid", "lns", "pre_post_pre_post"}

worst, worst_name = 0, ""
for preset in mt.presets():
    spec = mt.spec(preset, 3)
    base = plan.kernels(mt.plan_of(small, spec, 2))
    others = {"9 layers, batch 5": plan.kernels(mt.plan_of(large, spec, 5))}
    if preset in MORE:
        chunked = plan.kernels(mt.plan_of(small, spec, 2, extra=CHUNKED))
        if len(chunked) > LIMIT:
            mt.fail(f"{preset}, loss head in chunks: {len(chunked)} kernels")
        if abs(len(chunked) - len(plan.kernels(mt.plan_of(large, spec, 5, extra=CHUNKED)))) > FORMS:
            mt.fail(f"{preset}, loss head in chunks: 9 layers at batch 5 have another number of kernels")
    for how, kernels in others.items():
        if abs(len(kernels) - len(base)) > FORMS:
            mt.fail(f"{preset}: {len(base)} kernels at 5 layers and batch 2, {len(kernels)} at {how}:\n"
                    f"{sorted(set(base) ^ set(kernels))}")
    if not 0 < len(base) <= LIMIT:
        mt.fail(f"{preset}: {len(base)} kernels, expected at most {LIMIT}")
    if len(base) > worst:
        worst, worst_name = len(base), preset
print(f"{len(mt.presets())} presets, most kernels {worst} ({worst_name})")
