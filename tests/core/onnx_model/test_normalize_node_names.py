"""Names of nodes that occur twice."""

from core.onnx_model.graph import all_nodes
from core.onnx_model.normalize.node_names import make_node_names_unique
from rewritten import model_of, node, unchanged, value


def test_all_but_the_first_get_another_name_that_is_not_taken():
    nodes = [
        node("Relu", [a], [b], name=name)
        for (a, b), name in zip(("xa", "ab", "bc", "cd", "dy"), ("n", "n", "n_1", "", "n"), strict=True)
    ]
    model = model_of(nodes, [value("x", [2])], [value("y", [2])])
    assert make_node_names_unique(model)
    names = [each.name for each in all_nodes(model.graph)]
    assert names[0] == "n" and names[2:4] == ["n_1", ""] and len(set(names)) == 5


def test_different_names_stay():
    model = model_of([node("Relu", ["x"], ["y"], name="n")], [value("x", [2])], [value("y", [2])])
    assert unchanged(model, make_node_names_unique)
