"""Links between the graphs of a job: known while the conversion is, and kept for the pages that show them."""

from __future__ import annotations

from core.conversion.context import ConversionContext
from core.job.graph_links import GraphLinks
from core.onnx_model.weighted_layers import weighted_layers


def graph_links(context: ConversionContext, *, has_ncnn: bool) -> GraphLinks | None:
    """The links of a job.

    Args:
        context: of the job.
        has_ncnn: whether ncnn files were made, so that their blobs are to be recognised by their values.

    Returns:
        None where the model could not be looked into: links must not cost a file.
    """
    try:
        layers = {layer.name: layer.tensors for layer in weighted_layers(context.prepared.clean.read())}
    except Exception:  # noqa: BLE001 - see above
        return None
    try:
        blobs = context.blob_names if has_ncnn else {}
    except Exception:  # noqa: BLE001 - likewise; the links of the ONNX files are left
        blobs = {}
    return GraphLinks(layers, blobs)
