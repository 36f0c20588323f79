// No module: it runs where the modules of the page do not, and says so.

addEventListener("load", function () {
  if (!document.body.dataset.started) document.getElementById("too-old").hidden = false;
});
