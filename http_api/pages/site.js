// The search in the header: headings of the guides, calls, actions and events. What is searched is loaded at the first use.
const box = document.getElementById("search");
const found = document.getElementById("found");
const SHOWN_MAX = 12;
let entries = null;

async function load() {
  entries ??= fetch("/docs/search.json").then((answer) => answer.json());
  return entries;
}

// Every word must be in the entry; those whose title begins with the query come first.
function search(all, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (entry) => (entry.title.toLowerCase().startsWith(query) ? 0 : entry.title.toLowerCase().includes(query) ? 1 : 2);
  return all
    .filter((entry) => words.every((word) => `${entry.title} ${entry.about}`.toLowerCase().includes(word)))
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, SHOWN_MAX);
}

function item(entry) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  const about = document.createElement("small");
  link.href = entry.url;
  about.textContent = entry.about;
  link.append(entry.title, about);
  line.append(link);
  return line;
}

async function show() {
  const query = box.value.trim().toLowerCase();
  const results = query ? search(await load(), query) : [];
  if (query !== box.value.trim().toLowerCase()) return; // typed on meanwhile
  found.replaceChildren(...results.map(item));
  if (query && !results.length) found.textContent = "Nothing has these words.";
  found.hidden = !query;
}

box.addEventListener("input", show);
box.addEventListener("focus", show);
document.addEventListener("click", ({ target }) => {
  if (!target.closest("search")) found.hidden = true;
});
document.addEventListener("keydown", (event) => {
  const links = [...found.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  const isTyping = /^(input|textarea|select)$/i.test(document.activeElement?.tagName ?? "");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape") {
    found.hidden = true;
  } else if (!found.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp") && links.length) {
    event.preventDefault();
    const next = place + (event.key === "ArrowDown" ? 1 : -1);
    (links[next] ?? (next < 0 ? box : links[0])).focus();
  } else if (event.key === "Enter" && document.activeElement === box && links.length) {
    links[0].click();
  }
});
