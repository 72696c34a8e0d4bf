// One picture, large: zoom (wheel, buttons, keys), rotate, pan, fit. Pictures stay in memory.

const LARGEST = 8;

/** A viewer inside a stage element. */
export class Viewer {
  /** @param {HTMLElement} stage @param {(percent: number) => void} zoomed */
  constructor(stage, zoomed) {
    this.stage = stage;
    this.zoomed = zoomed;
    this.image = document.createElement("img");
    this.image.className = "desk-picture";
    this.image.draggable = false;
    this.image.addEventListener("load", () => this.fit());
    this.url = null;
    this.turn = 0;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, () => this.#up());
    }
    stage.addEventListener("dblclick", () => (this.fitted ? this.zoom(2) : this.fit()));
    new ResizeObserver(() => this.fitted && this.fit()).observe(stage);
  }

  /** Show a picture, or a sentence in its place. */
  show(blob, words) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.turn = 0;
    this.stage.replaceChildren();
    if (!blob) {
      const note = document.createElement("p");
      note.className = "desk-nothing";
      note.textContent = words;
      this.stage.append(note);
      return;
    }
    this.url = URL.createObjectURL(blob);
    this.image.alt = words;
    this.image.src = this.url;
    this.stage.append(this.image);
  }

  /** The scale at which the whole picture is seen. */
  #whole() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const [across, up] = this.turn % 180 ? [height, width] : [width, height];
    const room = 24;
    const { clientWidth, clientHeight } = this.stage;
    return Math.min((clientWidth - room) / across, (clientHeight - room) / up, 2) || 1;
  }

  /** Show the whole picture. */
  fit() {
    if (!this.image.naturalWidth) return;
    this.scale = this.#whole();
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    this.#draw();
  }

  /** Enlarge by a factor around a point of the stage (its middle by default). */
  zoom(factor, at = { x: 0, y: 0 }) {
    const least = Math.min(this.#whole(), 1) / 2;
    const scale = Math.min(LARGEST, Math.max(least, this.scale * factor));
    const real = scale / this.scale;
    this.x = at.x - (at.x - this.x) * real;
    this.y = at.y - (at.y - this.y) * real;
    this.scale = scale;
    this.fitted = false;
    this.#draw();
  }

  /** Turn by a quarter. */
  rotate(degrees = 90) {
    this.turn = (this.turn + degrees + 360) % 360;
    this.fit();
  }

  /** Move the picture. */
  pan(x, y) {
    this.x += x;
    this.y += y;
    this.fitted = false;
    this.#draw();
  }

  #draw() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const [across, up] = this.turn % 180 ? [height, width] : [width, height];
    // Never so far that nothing of it is left in sight.
    const most = (size, room) => Math.max(0, (size * this.scale + room) / 2 - 48);
    const wide = most(across, this.stage.clientWidth);
    const high = most(up, this.stage.clientHeight);
    this.x = Math.min(wide, Math.max(-wide, this.x));
    this.y = Math.min(high, Math.max(-high, this.y));
    const move = `translate(-50%, -50%) translate(${this.x}px, ${this.y}px)`;
    this.image.style.transform = `${move} rotate(${this.turn}deg) scale(${this.scale})`;
    this.zoomed(Math.round(this.scale * 100));
  }

  #middle(event) {
    const box = this.stage.getBoundingClientRect();
    return {
      x: event.clientX - box.left - box.width / 2,
      y: event.clientY - box.top - box.height / 2,
    };
  }

  #wheel(event) {
    if (!this.url) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.#middle(event));
  }

  #down(event) {
    if (!this.url || event.button) return;
    this.grip = { x: event.clientX, y: event.clientY };
    this.stage.setPointerCapture(event.pointerId);
    this.stage.classList.add("desk-grabbed");
  }

  #move(event) {
    if (!this.grip) return;
    this.pan(event.clientX - this.grip.x, event.clientY - this.grip.y);
    this.grip = { x: event.clientX, y: event.clientY };
  }

  #up() {
    this.grip = null;
    this.stage.classList.remove("desk-grabbed");
  }
}
