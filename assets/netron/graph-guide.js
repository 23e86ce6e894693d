// Runs in Netron's page, whose own objects it uses, since Netron has no interface for this: selects the node that the
// address names behind '#', marks the layers by their precision, and selects in the graph beside it what is selected
// here. tests/browser/test_graph_node.py and test_graph_pair.py notice when Netron's objects change.
(() => {
    const INTERVAL = 150;
    const OWN = 'edgepress';
    // What onnxruntime and EdgePress append to the names of the source's tensors and nodes.
    const TENSOR_ENDING = /(_half_*|_(Dequantize|Quantize)Linear_Output)$/;
    const NODE_ENDINGS = ['', '_quant', '_MatMul_quant'];
    const PRECISIONS = ['8 bit', '8 bit weights', '16 bit', 'float'];
    const SVG = 'http://www.w3.org/2000/svg';

    let guide = null;
    let drawing = null;
    let nodes = null;
    let done = null;
    let note = null;
    let isShowing = false;

    const address = () => new URLSearchParams(window.location.hash.slice(1));
    const isAlone = () => address().get('alone') === '1';
    const outputs = (node) =>
        (node.outputs || []).flatMap((argument) => argument.value || []).map((value) => value && value.name);

    // ---- where the layers of the source lie in this graph

    class Nodes {
        constructor(all, { layers = [], blobs = null } = {}) {
            this.blobs = blobs && new Map(Object.entries(blobs));
            this.tensors = blobs && new Map(Object.entries(blobs).map(([tensor, blob]) => [blob, tensor]));
            this.byName = new Map();
            this.makers = new Map();
            for (const node of all) {
                this._add(this.byName, node.name, node);
                outputs(node).forEach((name) => this._add(this.makers, name, node));
            }
            for (const node of all) {
                outputs(node).forEach((name) => this._add(this.makers, this._source(name), node));
            }
            this.layers = new Map();
            this.layerOf = new Map();
            this.layerOfTensor = new Map();
            for (const layer of layers) {
                const node = this._place(layer);
                layer.tensors.forEach((tensor) => this._add(this.layerOfTensor, tensor, layer));
                if (node) {
                    this._add(this.layers, layer.name, node);
                    this._add(this.layerOf, node, layer);
                }
            }
        }

        _add(map, key, value) {
            if (key && !map.has(key)) {
                map.set(key, value);
            }
        }

        _source(name) {
            return this.tensors ? this.tensors.get(name) : name && name.replace(TENSOR_ENDING, '');
        }

        maker(tensor) {
            return this.makers.get((this.blobs && this.blobs.get(tensor)) || tensor);
        }

        // In an ncnn graph names are numbers that pnnx counts: blobs come first there.
        _place(layer) {
            const byName = NODE_ENDINGS.map((ending) => this.byName.get(layer.name + ending)).find(Boolean);
            const byTensor = [...layer.tensors, layer.name].map((tensor) => this.maker(tensor)).find(Boolean);
            return this.blobs ? byTensor || byName : byName || byTensor;
        }

        // What is told of a node to the graph beside this one: all in the source's names.
        told(node) {
            const layer = this.layerOf.get(node);
            return {
                layer: layer ? layer.name : '',
                name: this.blobs ? '' : node.name || '',
                tensors: outputs(node).map((name) => this._source(name)).filter(Boolean),
            };
        }

        find({ layer, name, tensors }) {
            const known = layer && this.layers.get(layer);
            const named = !this.blobs || !this.blobs.size ? this.byName.get(name) : null;
            const maker = tensors.map((tensor) => this.maker(tensor)).find(Boolean);
            // Computed together with the layer before it, as an activation is.
            const merged = tensors.map((tensor) => this.layerOfTensor.get(tensor)).find(Boolean);
            return known || named || maker || (merged && this.layers.get(merged.name)) || null;
        }
    }

    // ---- selecting

    const isSidebarOpen = () => document.getElementById('sidebar').style.opacity === '1';

    // Whatever Netron tells of its selection meanwhile was not selected by a person: a sidebar that closes does, too. Two
    // graphs that told each other of it would go on for ever.
    const show = (node) => {
        isShowing = true;
        try {
            change(node);
        } finally {
            isShowing = false;
        }
    };

    const change = (node) => {
        if (!node) {
            drawing.select(null, OWN);
        } else if (isSidebarOpen()) {
            drawing.scrollTo(drawing.activate(node, OWN)); // else it would go on showing the one before
        } else {
            drawing.scrollTo(drawing.select([node], OWN));
        }
    };

    const followAddress = () => {
        const asked = address();
        const request = `${asked.get('request') || ''} ${asked.get('node') || ''}`;
        if (!drawing || request === done) {
            return;
        }
        done = request;
        const name = asked.get('node');
        if (name) {
            const node = nodes.find({ layer: name, name, tensors: [name] });
            show(node);
            say(node ? '' : guide.words.unmatched);
        }
    };

    const selected = () => {
        const all = new Set(drawing.target.nodes);
        return Array.from(drawing.selection).map((one) => one.value).find((value) => all.has(value)) || null;
    };

    const tell = () => {
        if (isAlone()) {
            return;
        }
        const node = selected();
        const told = node ? nodes.told(node) : { layer: '', name: '', tensors: [] };
        const beside = window.parent.frames;
        for (let index = 0; index < beside.length; index += 1) {
            if (beside[index] !== window) {
                beside[index].postMessage({ kind: OWN, ...told }, window.location.origin);
            }
        }
    };

    const onSelection = (graph, source) => {
        if (isShowing || source === OWN || graph !== drawing) {
            return;
        }
        say('');
        window.setTimeout(tell, 0); // an activation first selects nothing, then the node
    };

    const isText = (value) => typeof value === 'string';

    const onMessage = (event) => {
        const told = event.data;
        const isTold = told && told.kind === OWN && isText(told.layer) && isText(told.name) && Array.isArray(told.tensors);
        if (event.origin !== window.location.origin || !isTold || !drawing || isAlone()) {
            return;
        }
        const isNothing = !told.layer && !told.name && !told.tensors.length;
        const node = isNothing ? null : nodes.find({ ...told, tensors: told.tensors.filter(isText) });
        show(node);
        say(node || isNothing ? '' : guide.words.unmatched);
    };

    // ---- what is drawn over the graph

    const element = (name, parent, kind, text) => {
        const made = document.createElement(name);
        made.className = kind;
        made.textContent = text || '';
        parent.appendChild(made);
        return made;
    };

    const say = (text) => {
        note = note || element('div', document.body, 'edgepress-note');
        note.setAttribute('role', 'status');
        note.textContent = text || '';
    };

    const kindOf = (precision) => `edgepress-kind-${PRECISIONS.indexOf(precision)}`;

    const drawBadges = (marked) => {
        const badges = [];
        for (const [node, precision] of marked) {
            const box = drawing.find(node);
            if (box && box.element) {
                box.element.classList.add('edgepress-layer', kindOf(precision));
                const badge = document.createElementNS(SVG, 'g');
                badge.setAttribute('class', 'edgepress-badge');
                const back = badge.appendChild(document.createElementNS(SVG, 'rect'));
                const text = badge.appendChild(document.createElementNS(SVG, 'text'));
                text.textContent = guide.words[precision] || precision;
                box.element.appendChild(badge);
                badges.push({ badge, back, text, width: box.width });
            }
        }
        // All are measured before any is changed: the browser lays them out once.
        const lengths = badges.map(({ text }) => text.getComputedTextLength());
        badges.forEach(({ badge, back, text, width }, index) => {
            back.setAttribute('width', lengths[index] + 10);
            back.setAttribute('height', 13);
            back.setAttribute('rx', 6.5);
            text.setAttribute('x', 5);
            text.setAttribute('y', 9.5);
            badge.setAttribute('transform', `translate(${width - 6},-8)`);
        });
    };

    // One button for each precision, which goes on to the next of its layers.
    const drawLegend = (marked) => {
        document.querySelectorAll('.edgepress-legend').forEach((old) => old.remove());
        if (!marked.length) {
            return;
        }
        const legend = element('div', document.body, 'edgepress-legend');
        for (const precision of PRECISIONS) {
            const group = marked.filter((pair) => pair[1] === precision).map(([node]) => node);
            if (group.length) {
                const name = guide.words[precision] || precision;
                const button = element('button', legend, kindOf(precision), `${name} · ${group.length}`);
                button.type = 'button';
                button.title = guide.words.next || '';
                button.addEventListener('click', () => {
                    show(group[(group.indexOf(selected()) + 1) % group.length]);
                    say('');
                    tell();
                });
            }
        }
    };

    const adopt = (graph) => {
        drawing = graph;
        nodes = new Nodes(graph.target.nodes, guide.graph);
        graph.on('selectionchange', onSelection);
        const layers = guide.graph.layers.filter((layer) => layer.precision && nodes.layers.has(layer.name));
        const marked = layers.map((layer) => [nodes.layers.get(layer.name), layer.precision]);
        drawBadges(marked);
        drawLegend(marked);
        document.body.dataset.edgepress = 'ready'; // for tests
    };

    // A graph is drawn anew when a subgraph is opened or an option of Netron's menu is changed.
    const look = () => {
        const graph = window.__view__ && window.__view__.target;
        const isDrawn = graph && graph.target && graph.target.nodes && document.querySelector('svg g.node');
        if (guide && isDrawn && graph !== drawing) {
            adopt(graph);
            followAddress();
        }
    };

    const start = async () => {
        const empty = { graph: { layers: [], blobs: null }, words: {} };
        try {
            const answer = await window.fetch('guide.json');
            guide = { ...empty, ...(answer.ok ? await answer.json() : {}) };
        } catch {
            guide = empty; // the graph can be looked at without it
        }
        window.addEventListener('hashchange', followAddress);
        window.addEventListener('message', onMessage);
        window.setInterval(look, INTERVAL);
        look();
    };

    // Netron puts the focus on its graph once that is drawn; the page around it would scroll there, and lose its own.
    const keepFocus = () => {
        const target = document.getElementById('target');
        target.focus = () => {
            if (document.hasFocus()) {
                HTMLElement.prototype.focus.call(target, { preventScroll: true });
            }
        };
    };

    document.addEventListener('DOMContentLoaded', keepFocus);
    window.addEventListener('load', start);
})();
