// Adds a button to whatever is there to be copied. A browser lets no page write its clipboard that came by plain HTTP from another
// machine: there the button marks the text, so that a key copies it.
for (const box of document.querySelectorAll('[data-copy]')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'btn quiet'
  button.textContent = 'Copy'
  const text = box.querySelector('code')
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent)
      button.textContent = 'Copied'
    } catch {
      getSelection().selectAllChildren(text)
      button.textContent = 'Selected'
    }
    setTimeout(() => { button.textContent = 'Copy' }, 2000)
  })
  box.append(button)
}
