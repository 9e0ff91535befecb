// The image of a block: drawn on the page or chosen as a file. Both leave by
// the same field, so that the form is the one that works without script.
import { $ } from "./ui.js";

const form = $("form[data-picture]"), input = $("input[type=file]", form), pad = $("[data-pad]", form);
const error = $(".err", form);

function flag(text) {
  input.toggleAttribute("aria-invalid", Boolean(text));
  if (text) input.setAttribute("aria-invalid", "true");
  error.hidden = !text;
  $("span", error).textContent = text;
}

input.addEventListener("change", () => {
  const file = input.files[0];
  $("[data-picked]", form).textContent = file ? file.name : "";
  flag("");
  if (!file) return;
  wipe();
  lighter(file).then((small) => {
    if (input.files[0] === file) give(small);
  }, () => {}); // the server says what is wrong with it
});

function give(file) {
  const list = new DataTransfer();
  list.items.add(file);
  input.files = list.files;
}

// A photograph of a telephone has ten times the pixels that are kept: they stay
// here, with where and with what it was taken. The browser holds it upright.
const widest = 2800;
async function lighter(file) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = widest / Math.max(image.width, image.height);
  if (scale >= 1) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const c = canvas.getContext("2d");
  c.imageSmoothingQuality = "high";
  c.drawImage(image, 0, 0, canvas.width, canvas.height);
  const type = file.type === "image/png" ? file.type : "image/jpeg";
  const small = await new Promise((done) => canvas.toBlob(done, type, 0.92));
  return small ? new File([small], file.name, { type }) : file;
}

let strokes = [];
let draw = () => {};

function wipe() {
  strokes = [];
  draw();
}

if (pad) {
  const canvas = $("canvas", pad), c = canvas.getContext("2d");
  const at = (e) => {
    const box = canvas.getBoundingClientRect();
    return [((e.clientX - box.left) * canvas.width) / box.width, ((e.clientY - box.top) * canvas.height) / box.height];
  };
  // Curves through the middles of what the pointer told: a line without corners.
  draw = () => {
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.strokeStyle = c.fillStyle = "#10214f";
    c.lineWidth = 9;
    c.lineCap = c.lineJoin = "round";
    for (const s of strokes) {
      c.beginPath();
      if (s.length === 1) {
        c.arc(s[0][0], s[0][1], 6, 0, 7);
        c.fill();
        continue;
      }
      c.moveTo(...s[0]);
      for (let i = 1; i < s.length - 1; i++) c.quadraticCurveTo(...s[i], (s[i][0] + s[i + 1][0]) / 2, (s[i][1] + s[i + 1][1]) / 2);
      c.lineTo(...s.at(-1));
      c.stroke();
    }
    canvas.toggleAttribute("data-drawn", strokes.length > 0);
  };
  let pointer = null;
  canvas.addEventListener("pointerdown", (e) => {
    if (pointer !== null || e.button > 0) return;
    pointer = e.pointerId;
    canvas.setPointerCapture(pointer);
    strokes.push([at(e)]);
    input.value = "";
    $("[data-picked]", form).textContent = "";
    flag("");
    draw();
  });
  canvas.addEventListener("pointermove", (e) => {
    if (e.pointerId !== pointer) return;
    for (const one of e.getCoalescedEvents?.().length ? e.getCoalescedEvents() : [e]) strokes.at(-1).push(at(one));
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (e) => {
      if (e.pointerId === pointer) pointer = null;
    });
  }
  $("[data-clear]", pad).addEventListener("click", wipe);
  form.addEventListener("submit", async (e) => {
    if (strokes.length === 0 || input.files.length > 0) return;
    e.preventDefault();
    const drawn = await new Promise((done) => canvas.toBlob(done, "image/png"));
    give(new File([drawn], "griffe.png", { type: "image/png" }));
    form.submit();
  });
}

form.addEventListener("submit", (e) => {
  if (e.defaultPrevented || input.files.length > 0) return;
  e.preventDefault();
  flag(pad ? "Tracez votre griffe, ou choisissez une image." : "Choisissez une image, en PNG ou en JPEG.");
  input.focus();
});
