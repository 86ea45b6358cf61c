// The drawn face: artwork in SVG whose mouth follows the interpreter's voice. It is still while nobody speaks.
// The mouth is a canvas and the blinking a transform of the eyes' own element: no frame asks the browser for layout.

import { drawMouth } from "./lips.js";
import { Mouth } from "./visemes.js";

const WINDOW_S = 0.032; // three periods of the deepest voice
const BLINKS_AFTER_S = [2.6, 4.9, 3.7, 6.1]; // of speech, again and again
const SIZE = 240; // of the artwork, in its own units
const MOUTH = { x: 120, y: 156, width: 96, height: 76, rise: 26 }; // centre, size of the canvas, and its part above

const STYLE = `
:host { display: block; contain: content; }
.face { position: relative; aspect-ratio: 1; margin: 0 auto; width: 100%; }
.face > * { position: absolute; inset: 0; width: 100%; height: 100%; }
.face > canvas {
  inset: auto;
  left: ${((MOUTH.x - MOUTH.width / 2) / SIZE) * 100}%;
  top: ${((MOUTH.y - MOUTH.rise) / SIZE) * 100}%;
  width: ${(MOUTH.width / SIZE) * 100}%;
  height: ${(MOUTH.height / SIZE) * 100}%;
}
.eyes { transform-origin: 50% 46.5%; }
.face { --skin: #bcdbe6; --cheek: #e2a88d; --ink: #12303d; --hollow: #4a1f2b; --teeth: #fffdf8; --tongue: #d9737b; --set: #0b5a75; }
@media (prefers-color-scheme: dark) {
  .face { --skin: #8fb9c9; --cheek: #d99a80; --ink: #0c1d26; --set: #3b8ba8; }
}
.head { fill: var(--skin); }
.cheek { fill: var(--cheek); opacity: 0.5; }
.ink { fill: var(--ink); }
.set { fill: var(--set); }
.band { fill: none; stroke: var(--set); stroke-width: 8; stroke-linecap: round; }
.boom { stroke-width: 5; }
/* A canvas has no colours of its own: these are where the script finds those of the scheme. */
canvas {
  color: var(--ink);
  border-color: var(--hollow);
  outline-color: var(--teeth);
  text-decoration-color: var(--tongue);
}
`;
const HEAD = [
  ["path", "band", { d: "M33 124C33 2 207 2 207 124" }],
  ["path", "head", { d: "M120 40C172 40 196 80 196 127C196 180 164 214 120 214C76 214 44 180 44 127C44 80 68 40 120 40Z" }],
  ["ellipse", "cheek", { cx: 70, cy: 146, rx: 14, ry: 9 }],
  ["ellipse", "cheek", { cx: 170, cy: 146, rx: 14, ry: 9 }],
  ["rect", "set", { x: 22, y: 102, width: 26, height: 52, rx: 13 }],
  ["rect", "set", { x: 192, y: 102, width: 26, height: 52, rx: 13 }],
  ["path", "band boom", { d: "M34 150C34 186 46 203 68 206" }],
  ["rect", "set", { x: 62, y: 199, width: 24, height: 14, rx: 7 }],
];
const EYES = [
  ["ellipse", "ink", { cx: 90, cy: 112, rx: 8.5, ry: 12 }],
  ["ellipse", "ink", { cx: 150, cy: 112, rx: 8.5, ry: 12 }],
];

/** An element of SVG with its children: `[tag, class, attributes]` each. */
function artwork([tag, kind, attributes], children = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries({ class: kind, ...attributes })) made.setAttribute(name, value);
  made.append(...children.map((child) => artwork(child)));
  return made;
}

/** Make the engine. `blinks`: whether the eyes may move; not where people have asked for less motion. */
export default function drawn({ blinks = !matchMedia("(prefers-reduced-motion: reduce)").matches } = {}) {
  let host = null;
  let eyes = null;
  let pen = null;
  let ink = null;
  let analyser = null;
  let samples = null;
  let mouth = null;
  let frame = 0;
  let spokenS = 0;
  let blinked = 0;
  let before = 0;

  /** The samples that are heard at this moment: they left the page a while ago. */
  function heard() {
    if (analyser === null) return null;
    const { sampleRate, outputLatency = 0 } = analyser.context;
    if (samples?.length !== analyser.fftSize) samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const size = Math.round(WINDOW_S * sampleRate);
    const end = Math.max(size, samples.length - Math.round(outputLatency * sampleRate));
    return samples.subarray(end - size, end);
  }

  function step(ms) {
    const now = ms / 1000;
    const moved = mouth.follow(heard(), analyser?.context.sampleRate, now);
    if (moved) {
      draw();
      spokenS += Math.min(0.1, now - before);
      blink();
    }
    before = now;
    frame = moved || analyser !== null ? requestAnimationFrame(step) : 0;
  }

  function blink() {
    if (!blinks || spokenS < BLINKS_AFTER_S[blinked % BLINKS_AFTER_S.length]) return;
    spokenS = 0;
    blinked += 1;
    const shut = { transform: "scaleY(0.08)" };
    eyes.animate([{ transform: "none" }, shut, shut, { transform: "none" }], { duration: 170, easing: "ease-in-out" });
  }

  function draw() {
    const { width, height } = pen.canvas;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, height);
    const scale = width / MOUTH.width;
    pen.setTransform(scale, 0, 0, scale, width / 2, MOUTH.rise * scale);
    drawMouth(pen, mouth, ink);
  }

  /** Colours follow the page, light or dark: they are read when the face begins to move, not in each frame. */
  function readInk() {
    const style = getComputedStyle(pen.canvas);
    ink = {
      lips: style.color,
      hollow: style.borderTopColor,
      teeth: style.outlineColor,
      tongue: style.textDecorationColor,
    };
  }

  return {
    /** Show the face in an element, at rest. */
    mount(element) {
      host = document.createElement("div");
      host.className = "avatar-face";
      host.setAttribute("aria-hidden", "true"); // it says nothing that the captions do not
      const root = host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      const face = document.createElement("div");
      face.className = "face";
      const viewBox = `0 0 ${SIZE} ${SIZE}`;
      eyes = artwork(["svg", "eyes", { viewBox }], EYES);
      pen = document.createElement("canvas").getContext("2d");
      face.append(artwork(["svg", "artwork", { viewBox }], HEAD), eyes, pen.canvas);
      root.append(face);
      element.replaceChildren(host);
      const sharpness = Math.min(3, Math.max(1, devicePixelRatio)) * Math.max(1, element.clientWidth / SIZE);
      pen.canvas.width = Math.round(MOUTH.width * sharpness);
      pen.canvas.height = Math.round(MOUTH.height * sharpness);
      mouth = new Mouth();
      readInk();
      draw();
    },

    /** The interpreter speaks: follow what the analyser hears, until `rest`. */
    speech(source) {
      analyser = source;
      if (frame !== 0 || mouth === null) return;
      readInk();
      before = performance.now() / 1000;
      frame = requestAnimationFrame(step);
    },

    /** Nobody speaks: the mouth closes and stays so. */
    rest() {
      analyser = null;
    },

    unmount() {
      cancelAnimationFrame(frame);
      frame = 0;
      analyser = mouth = null;
      host?.remove();
      host = null;
    },
  };
}
