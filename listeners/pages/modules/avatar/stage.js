// The avatar stage of a page: shows one engine, or none. A further engine is one more module here; pages do not change.
//
// An engine is a module whose default export makes an object with
//   mount(element)     show the face, at rest
//   speech(analyser)   the interpreter's voice begins: an AnalyserNode on what is played
//   rest()             it has ended
//   unmount()          remove the face and stop all work

const MODULES = { drawn: "./drawn.js" };

/** Names of what can be chosen, `off` first, which is the default. */
export const ENGINES = ["off", ...Object.keys(MODULES)];

/** A stage in an element. It is hidden while the engine is `off`. */
export class AvatarStage {
  constructor(element, load = (name) => import(MODULES[name])) {
    this._element = element;
    this._load = load;
    this._engine = null;
    this.chosen = "off";
  }

  /** Show an engine, or none. Of choices in quick succession the last counts. Fails if the engine cannot be loaded. */
  async choose(name) {
    if (!ENGINES.includes(name)) throw new RangeError(`no avatar engine is named ${name}`);
    if (name === this.chosen) return;
    this._engine?.unmount();
    this._engine = null;
    this._element.hidden = true;
    this.chosen = name;
    if (name === "off") return;
    let engine;
    try {
      engine = (await this._load(name)).default();
    } catch (error) {
      if (this.chosen === name) this.chosen = "off";
      throw error;
    }
    if (this.chosen !== name) return;
    this._element.hidden = false;
    engine.mount(this._element);
    this._engine = engine;
  }

  speech(analyser) {
    this._engine?.speech(analyser);
  }

  rest() {
    this._engine?.rest();
  }
}
