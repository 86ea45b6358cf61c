// Lists whose items are updated in place: what is looked at or focused stays where it is.

/** Keeps one node for each item of a container. `make(item)` returns a node, `update(node, item)` fills it. */
export class Rows {
  constructor(container, make, update) {
    Object.assign(this, { container, make, update });
    this._nodes = new Map();
  }

  show(items, keyOf = (item) => item.key) {
    const wanted = new Set(items.map(keyOf));
    for (const [key, node] of this._nodes) {
      if (wanted.has(key)) continue;
      node.remove();
      this._nodes.delete(key);
    }
    let before = null;
    for (const item of items) {
      const key = keyOf(item);
      let node = this._nodes.get(key);
      if (!node) this._nodes.set(key, (node = this.make(item)));
      const place = before === null ? this.container.firstChild : before.nextSibling;
      if (place !== node) this.container.insertBefore(node, place);
      this.update(node, item);
      before = node;
    }
  }
}
