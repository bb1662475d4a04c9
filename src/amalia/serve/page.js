// What runs around Gradio's own script: language, keys, copying, and the pictures of a question.
// `amaliaPage` stands before it: {text, maxPictures, maxBytes, kinds}.
'use strict';

// Gradio takes its language from the browser; the page has one of its own.
Object.defineProperty(navigator, 'language', { get: () => 'pt' });
Object.defineProperty(navigator, 'languages', { get: () => ['pt'] });
document.documentElement.lang = 'pt-PT';

// What Gradio would tell in English: that a question cannot be taken now.
const plainFetch = window.fetch;
window.fetch = async (...asked) => {
  const told = await plainFetch(...asked);
  if (told.status < 400 || !told.url.includes('/gradio_api/queue/join')) return told;
  const headers = { 'content-type': 'application/json' };
  return new Response(JSON.stringify({ detail: say('refused') }), { status: 400, headers });  // for 503 it has words of its own
};

const say = (name, values = {}) =>
  amaliaPage.text[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? '');

// The end of the conversation stays in view unless somebody has scrolled away from it.
let isFollowed = true;
window.addEventListener('scroll', () => {
  const root = document.documentElement;
  isFollowed = window.innerHeight + window.scrollY >= root.scrollHeight - 160;
}, { passive: true });

new MutationObserver((changes) => {
  const root = document.documentElement;
  if (root.lang !== 'pt-PT') root.lang = 'pt-PT';
  for (const close of document.querySelectorAll('[aria-label="Close"]')) close.ariaLabel = say('close');
  for (const title of document.querySelectorAll('.toast-title')) {
    const word = [...title.childNodes].find((node) => node.data?.trim() === 'Error');
    if (word) word.data = say('error');
  }
  const within = (place) => changes.some((change) =>
    (change.target.closest ? change.target : change.target.parentElement)?.closest(place));
  if (within('#conversa')) isFollowed = true;
  if (isFollowed && within('#conversa, #resposta')) window.scrollTo({ top: root.scrollHeight });
}).observe(document, {
  subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['lang'],
});

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || document.querySelector('dialog[open]')) return;
  const stop = document.querySelector('#parar');
  if (stop && !stop.disabled) stop.click();
});

document.addEventListener('click', async (event) => {
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    const code = copy.parentElement.querySelector('code');
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      const before = copy.textContent;
      copy.textContent = say('copied');
      setTimeout(() => { copy.textContent = before; }, 2000);
    } catch { /* what is to be copied is selected */ }
  }
  const link = event.target.closest('a[href^="#fonte-"]');
  if (link) {
    event.preventDefault();
    const source = document.getElementById(link.getAttribute('href').slice(1));
    const details = source?.querySelector('details');
    if (details) {
      details.open = true;
      details.querySelector('summary').focus();
      source.scrollIntoView({ block: 'nearest' });
    }
  }
});

// --- pictures of a question -------------------------------------------------------------------------

function read(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

// What the conversation shows; the model gets the picture as it is.
async function shrunk(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  const scale = Math.min(1, 480 / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const drawing = canvas.getContext('2d');
  drawing.fillStyle = '#fff';
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', 0.85);
}

function photograph() {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    dialog.className = 'camera';
    dialog.setAttribute('aria-label', say('camera'));
    dialog.innerHTML = '<video autoplay muted playsinline></video><div><button type="button" name="shoot">'
      + '</button><button type="button" name="close"></button></div>';
    const [video, shoot, close] = dialog.querySelectorAll('video, button');
    video.setAttribute('aria-label', say('preview'));
    shoot.textContent = say('shoot');
    close.textContent = say('close');
    const before = document.activeElement;
    // Gradio gives the page's style to what is within, and to nothing else.
    document.querySelector('.contain').append(dialog);
    let stream;
    const done = (file) => {
      stream?.getTracks().forEach((track) => track.stop());
      dialog.remove();
      before?.focus();
      resolve(file);
    };
    dialog.addEventListener('close', () => done(null));
    close.addEventListener('click', () => dialog.close());
    shoot.addEventListener('click', () => {
      const canvas = document.createElement('canvas');
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      if (!canvas.width) return;
      canvas.getContext('2d').drawImage(video, 0, 0);
      canvas.toBlob((blob) => done(new File([blob], 'foto.jpg', { type: 'image/jpeg' })), 'image/jpeg', 0.92);
    });
    dialog.showModal();
    shoot.focus();
    navigator.mediaDevices?.getUserMedia({ video: { facingMode: 'environment' } }).then((opened) => {
      stream = opened;
      if (!dialog.isConnected) return done(null);
      video.srcObject = stream;
    }).catch(() => done(undefined)) ?? done(undefined);
  });
}

// Called once, when Gradio has made the place of the pictures.
window.amaliaPictures = (element, props, watch) => {
  const tell = (message) => { props.said = message; };
  watch('value', () => { if (!held().length) tell(''); });  // they were sent
  const held = () => (Array.isArray(props.value) ? props.value : []);
  const put = (list) => { props.value = list.map((each, place) => ({ ...each, number: place + 1 })); };
  const numBytes = () => held().reduce((sum, each) => sum + each.url.length + each.small.length, 0);

  async function take(files) {
    let problem = '';
    for (const file of files) {
      if (!amaliaPage.kinds.includes(file.type)) {
        problem = say('wrongKind', { name: file.name });
      } else if (held().length >= amaliaPage.maxPictures) {
        problem = say('tooMany', { number: amaliaPage.maxPictures });
      } else if (numBytes() + file.size * 1.4 > amaliaPage.maxBytes) {
        problem = say('tooLarge', { name: file.name });
      } else {
        const url = await read(file);
        const small = await shrunk(url).catch(() => '');
        if (small) put([...held(), { url, small }]);
        else problem = say('wrongKind', { name: file.name });
      }
    }
    tell(problem || say('added', { number: held().length }));
    document.querySelector('#pergunta textarea')?.focus();
  }

  element.addEventListener('change', async (event) => {
    const files = [...event.target.files];
    event.target.value = '';
    await take(files);
  });
  element.addEventListener('click', async (event) => {
    const button = event.target.closest('button');
    if (button?.name === 'add') element.querySelector('input').click();
    if (button?.name === 'camera') {
      const file = await photograph();
      if (file === undefined) tell(say('noCamera'));
      if (file) await take([file]);
    }
    if (button?.name === 'remove') {
      put(held().filter((each) => each.number !== Number(button.value)));
      tell(say('added', { number: held().length }));
      element.querySelector('button[name=add]').focus();
    }
  });

  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  document.addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    document.querySelector('#compor')?.classList.add('dropping');
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) document.querySelector('#compor')?.classList.remove('dropping');
  });
  document.addEventListener('drop', (event) => {
    document.querySelector('#compor')?.classList.remove('dropping');
    if (!holdsFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
};
