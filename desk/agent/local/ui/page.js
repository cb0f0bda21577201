'use strict'

// The agent's window. The one-time token in the address is exchanged for a
// question; the exchange stays open, so that the next question of the same
// operation comes here too, and so that the agent sees when the window closes.

const patience = 10000 // milliseconds to wait for another question after an answer
const reading = 1500 // milliseconds to leave the last line to be read

const texts = document.body.dataset
const part = id => document.getElementById(id)

let secret = '' // by which this window answers
let number = 0 // of the question that is shown
let waiting // timer after an answer
let last = texts.done // line to show at the end

const leaving = new AbortController() // so that the agent sees it, even where the window stays

function post(path, body, signal) {
  return fetch(path, {
    method: 'POST',
    signal,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    cache: 'no-store',
    credentials: 'omit',
  })
}

function show(n, question) {
  clearTimeout(waiting)
  number = n
  document.documentElement.lang = question.lang
  document.title = question.title
  part('title').textContent = question.title
  part('lines').replaceChildren(...question.lines.flatMap(line => {
    const label = document.createElement('dt')
    const value = document.createElement('dd')
    label.textContent = line.label
    value.textContent = line.value
    return [label, value]
  }))
  part('hint').textContent = question.hint || ''
  part('hint').hidden = !question.hint
  part('notice').textContent = question.notice || ''
  part('notice').hidden = !question.notice
  part('field').textContent = question.field || ''
  part('secret').hidden = !question.field
  part('pin').required = Boolean(question.field)
  part('pin').value = ''
  part('again-label').textContent = question.again || ''
  part('repeat').hidden = !question.again
  part('again').required = Boolean(question.again)
  part('again').value = ''
  part('yes').textContent = question.yes
  part('no').textContent = question.no
  say('')
  part('question').hidden = false
  ;(question.field ? part('pin') : part('no')).focus()
}

function say(line) {
  part('status').textContent = line
  part('status').hidden = !line
}

async function answer(yes) {
  const pin = part('pin').value
  const again = part('again').value
  part('pin').value = part('again').value = ''
  part('question').hidden = true
  last = yes ? texts.done : texts.cancelled
  say(texts.working)
  waiting = setTimeout(() => end(last), patience)
  const reply = await post('/ui/answer', { window: secret, n: number, yes, pin, again }).catch(() => null)
  if (!reply?.ok) end(texts.lost)
}

let over = false

function end(line) {
  if (over) return
  over = true
  clearTimeout(waiting)
  leaving.abort()
  part('question').hidden = true
  say(line)
  setTimeout(() => {
    window.close()
    say(line + ' ' + texts.close) // where a window may not close itself
  }, reading)
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n')
    rest = parts.pop()
    yield* parts.map(text => JSON.parse(text))
  }
}

async function begin() {
  const token = location.hash.slice(1)
  history.replaceState(null, '', location.pathname)
  const reply = token && await post('/ui/ask', { token }, leaving.signal)
  if (!reply?.ok) return end(texts.lost)
  for await (const message of lines(reply.body)) {
    if (message.window) secret = message.window
    if (message.question) show(message.n, message.question)
    if (message.end) return end(message.end === 'withdrawn' ? texts.withdrawn : last)
  }
  end(texts.lost)
}

part('question').addEventListener('submit', event => {
  event.preventDefault()
  answer(true)
})
part('no').addEventListener('click', () => answer(false))
begin().catch(() => end(texts.lost))
