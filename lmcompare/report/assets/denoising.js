// The making of pictures: buttons choose the prompt, a slider chooses the step, and the mouse or the arrow keys choose a
// pixel, which says at which words it looks.
(function () {
  "use strict";
  const LEVELS = "0123456789abcdefg";

  const making = (box) => {
    const { side, moments, films } = JSON.parse(box.querySelector(".denoising-data").textContent);
    const slider = box.querySelector("input"), name = box.querySelector("output");
    const buttons = box.querySelectorAll(".denoising-prompts button"), sheets = box.querySelectorAll(".denoising-sheet");
    const stage = box.querySelector(".denoising-stage"), said = box.querySelector(".denoising-said");
    let film = 0, moment = Number(slider.value), pixel = side * (side >> 1) + (side >> 1);
    const grey = (text) => Array.from(text, (level) => { const v = Math.round(255 * LEVELS.indexOf(level) / 16); return [v, v, v, 255]; });
    const amounts = (weights) => weights.map((weight) => [232, 106, 44, Math.round(2.55 * weight)]);
    const draw = (canvas, pixels) => {
      const pen = canvas.getContext("2d"), image = pen.createImageData(side, side);
      pixels.forEach((channels, i) => image.data.set(channels, 4 * i));
      pen.putImageData(image, 0, 0);
    };
    const tell = () => {
      const { words, attention } = films[film];
      for (const mark of stage.querySelectorAll("i")) {
        mark.style.left = `${100 * (pixel % side) / side}%`;
        mark.style.top = `${100 * Math.floor(pixel / side) / side}%`;
      }
      const looks = words.map((word, w) => `“${word}” ${attention[moment][w][pixel]} %`).join(", ");
      said.textContent = `The pixel in row ${Math.floor(pixel / side) + 1}, column ${pixel % side + 1} looks at ${looks}.`;
    };
    const part = (title) => {
      const figure = document.createElement("figure"), frame = document.createElement("div"), canvas = document.createElement("canvas");
      const caption = document.createElement("figcaption");
      canvas.width = canvas.height = side;
      frame.append(canvas, document.createElement("i"));
      caption.textContent = title;
      figure.append(frame, caption);
      stage.append(figure);
      return [canvas, caption];
    };
    let parts = [];
    const show = (step) => {
      moment = step;
      slider.value = step;
      name.textContent = moments[step];
      slider.setAttribute("aria-valuetext", moments[step]);
      const { pictures, guesses, words, attention } = films[film];
      draw(parts[0][0], grey(pictures[step]));
      draw(parts[1][0], grey(guesses[step]));
      words.forEach((word, w) => {
        const weights = attention[step][w];
        draw(parts[2 + w][0], amounts(weights));
        parts[2 + w][1].textContent = `“${word}” ${Math.round(weights.reduce((a, b) => a + b, 0) / weights.length)} %`;
      });
      for (const sheet of sheets) sheet.style.setProperty("--at", step);
      tell();
    };
    const choose = (index) => {
      film = index;
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
      sheets.forEach((sheet, i) => sheet.classList.toggle("on", i === index));
      stage.replaceChildren();
      parts = ["with its noise", "what the network expects", ...films[film].words].map(part);
      show(moment);
    };
    const pointed = (event) => {
      const frame = event.target.closest(".denoising-stage figure > div");
      if (!frame) return;
      const { left, top, width, height } = frame.getBoundingClientRect();
      const at = (place, size) => Math.max(0, Math.min(side - 1, Math.floor(side * place / size)));
      pixel = side * at(event.clientY - top, height) + at(event.clientX - left, width);
      tell();
    };
    stage.addEventListener("pointermove", pointed);
    stage.addEventListener("pointerdown", pointed);
    stage.addEventListener("keydown", (event) => {
      const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      if (!right && !down) return;
      event.preventDefault();
      const column = Math.max(0, Math.min(side - 1, pixel % side + right)), row = Math.max(0, Math.min(side - 1, Math.floor(pixel / side) + down));
      pixel = side * row + column;
      tell();
    });
    slider.addEventListener("input", () => show(Number(slider.value)));
    buttons.forEach((button, i) => button.addEventListener("click", () => choose(i)));
    sheets.forEach((sheet) => sheet.addEventListener("click", (event) => {
      const image = event.target.closest("img");
      if (!image) return;
      const { left, width } = image.getBoundingClientRect();
      show(Math.max(0, Math.min(moments.length - 1, Math.floor(moments.length * (event.clientX - left) / width))));
    }));
    choose(0);
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".denoising").forEach(making));
})();
