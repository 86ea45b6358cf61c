// The outline of a drawn mouth, in the units of the artwork, around its own centre. Pure.

/** Outline of the lips: at rest a smile of one line, open a shape that is round or spread. */
export function outlineOf({ open, wide }) {
  const half = 29 + 11 * wide;
  const corner = -6 + 5 * open;
  const round = wide < 0 ? 1 + 0.45 * -wide : 0.85;
  const handle = half * (0.62 + 0.33 * Math.min(1, open * 1.5) * round);
  const top = 9 * (1 - open) - 15 * open;
  const bottom = 9 + 38 * open;
  return { half, corner, handle, top, bottom };
}

/** Draw a mouth on a canvas whose origin is its centre. `ink` names the colours: lips, hollow, teeth, tongue. */
export function drawMouth(canvas, mouth, ink) {
  const { half, corner, handle, top, bottom } = outlineOf(mouth);
  const lips = new Path2D();
  lips.moveTo(-half, corner);
  lips.bezierCurveTo(-handle, top, handle, top, half, corner);
  lips.bezierCurveTo(handle, bottom, -handle, bottom, -half, corner);
  lips.closePath();
  canvas.save();
  canvas.clip(lips);
  const roof = 0.25 * corner + 0.75 * top; // the middle of a cubic whose handles are level
  const floor = 0.25 * corner + 0.75 * bottom;
  canvas.fillStyle = ink.hollow;
  canvas.fillRect(-half, -40, 2 * half, 100);
  canvas.fillStyle = ink.tongue;
  canvas.beginPath();
  canvas.ellipse(0, floor + 4, half * 0.72, 5 + 10 * mouth.open, 0, 0, 2 * Math.PI);
  canvas.fill();
  canvas.fillStyle = ink.teeth;
  canvas.fillRect(-half, roof - 20, 2 * half, 20 + 8 * mouth.teeth * Math.min(1, mouth.open * 3));
  canvas.restore();
  canvas.strokeStyle = ink.lips;
  canvas.lineWidth = 5;
  canvas.lineJoin = "round";
  canvas.stroke(lips);
}
