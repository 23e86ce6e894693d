import numpy as np

from core.quantization.ncnn.int8 import quantizable_layers
from core.quantization.ncnn.plan import plan_quantization
from ncnn_small import model, param_text


def samples(count):
    random = np.random.default_rng(6)
    for _ in range(count):
        yield {"x0": random.standard_normal((1, 3, 8, 8)).astype(np.float32)}


def small():
    return model(
        param_text("Convolution a 1 1 in0 b1 0=32 1=1 5=1 6=96", "Convolution b 1 1 b1 out0 0=128 1=3 6=36864")
    )


def test_ranges_are_measured_on_all_samples_and_sensitivity_for_the_other_layers():
    messages = []
    plan = plan_quantization(
        small(), samples(10), count=10, progress=lambda share, message: messages.append(str(message))
    )
    abs_max = max(float(np.abs(sample["x0"]).max()) for sample in samples(10))
    assert plan.ranges[1] == np.float32(abs_max) and len(messages) == 1
    assert plan.layers == (1, 2) and plan.keep_float == {1} and set(plan.sensitivity) == {2}


def test_applied_it_quantizes_all_but_the_layers_that_stay():
    source = small()
    made = plan_quantization(source, samples(3), count=3).apply(source)
    assert [layer.integer(8) for layer in made.param.layers] == [0, 0, 2]


def test_a_model_without_such_layers_gets_an_empty_plan():
    plain = model(param_text("ReLU r 1 1 in0 out0"))
    assert not quantizable_layers(plain) and not plan_quantization(plain, samples(2), count=2).layers


def test_a_smaller_and_a_larger_file_are_planned_on_request():
    layers = [f"Convolution c{n} 1 1 b{n} b{n + 1} 0=32 1=3 4=1 5=1 6=9216" for n in range(1, 30)]
    source = model(param_text("Convolution a 1 1 in0 b1 0=32 1=1 5=1 6=96", *layers, "ReLU r 1 1 b30 out0"))
    alone = plan_quantization(source, samples(4), count=4)
    plan = plan_quantization(source, samples(4), count=4, others=True)
    assert alone.smaller is alone.closer is None and alone.keep_float == plan.keep_float
    kept = [one.keep_float for one in (plan.smaller, plan, plan.closer)]
    assert len(kept[0]) < len(kept[1]) < len(kept[2])
