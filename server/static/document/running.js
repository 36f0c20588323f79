// Imported first: this browser can read the modules of the page. The words of its language may still be on their way.

document.body.dataset.running = "true";
