"use strict";
(() => {
  const form = document.getElementById("escolha");
  if (!form) return;
  const STEP = 24;
  const more = document.getElementById("mais");
  const status = form.querySelector("[role=status]");
  const cards = [...document.querySelectorAll("#exemplos article")];
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const written = (count) => count.toLocaleString("pt-PT");
  let texts = null;
  let limit = STEP;

  const update = () => {
    const place = form.elements.place.value;
    const outcome = form.elements.outcome.value;
    const words = plain(form.elements.words.value).split(/\s+/).filter(Boolean);
    if (words.length) texts ??= cards.map((card) => plain(card.textContent));
    let found = 0;
    cards.forEach((card, position) => {
      const fits =
        (!place || card.dataset.places.split(" ").includes(place)) &&
        (!outcome || card.dataset.outcomes.split(" ").includes(outcome)) &&
        words.every((word) => texts[position].includes(word));
      found += fits;
      card.hidden = !fits || found > limit;
    });
    more.hidden = found <= limit;
    status.textContent = found
      ? status.dataset.shown
          .replace("{shown}", written(Math.min(found, limit)))
          .replace("{found}", written(found))
      : status.dataset.none;
  };

  form.addEventListener("input", () => { limit = STEP; update(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { limit = STEP; update(); }));
  more.addEventListener("click", () => {
    const last = cards.filter((card) => !card.hidden).length;
    limit += STEP;
    update();
    cards.filter((card) => !card.hidden)[last]?.focus();
  });
  form.hidden = false;
  update();
})();
