// Runs before anything is painted: what the browser prefers is known to no server.
(() => {
  const root = document.documentElement
  if (root.dataset.theme !== 'system') return
  const prefers = matchMedia('(prefers-color-scheme: dark)')
  const set = () => root.classList.toggle('dark', prefers.matches)
  set()
  prefers.addEventListener('change', set)
})()
