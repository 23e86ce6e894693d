// Selects the node that the address names behind '#', and moves to it, once Netron has drawn the graph. Runs in Netron's
// page, which has no function for that; tests/browser/test_graph_node.py notices when its objects change.
(() => {
    const INTERVAL = 100;
    const MOST_TRIES = 1200;
    let tries = 0;

    const makes = (node, tensor) =>
        (node.outputs || []).flatMap((argument) => argument.value || []).some((value) => value.name === tensor);

    const select = () => {
        const name = decodeURIComponent(window.location.hash.slice(1));
        const graph = window.__view__ && window.__view__.target;
        const isDrawn = graph && graph.target && document.querySelector('svg g.node');
        if (!name) {
            return;
        }
        if (!isDrawn) {
            tries += 1;
            if (tries < MOST_TRIES) {
                window.setTimeout(select, INTERVAL);
            }
            return;
        }
        const nodes = graph.target.nodes || [];
        const node = nodes.find((one) => one.name === name) || nodes.find((one) => makes(one, name));
        if (node) {
            graph.scrollTo(graph.select([node], 'sidebar'));
        }
    };

    window.addEventListener('hashchange', select);
    window.addEventListener('load', select);
})();
