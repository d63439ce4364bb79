import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { TrackedPage } from '../../core/tracked.ts'
import { DONE, type OpenPages } from '../../routers/page-items.ts'
import { eventStreamOf } from '../../server/event-stream.ts'
import { eventually } from '../support/eventually.ts'

const NEVER = new AbortController().signal
const page: TrackedPage<unknown> = { items: [{ id: '7', data: { a: 'x\ny' } }], id: '7' }
const empty = (id: string): TrackedPage<unknown> => ({ items: [], id })

test('begins with a place, writes each thing with its own, and says when it is over', async () => {
  const { stream } = eventStreamOf(pagesOf([empty('3'), page]).pages, 'a.b', NEVER)
  expect(await textOf(stream)).toBe(
    'retry: 500\nevent: connected\ndata: {"reconnectAfterInactivityMs":30000}\nid: 3\n\n' +
      'data: {"a":"x\\ny"}\nid: 7\n\nevent: return\ndata: \n\n',
  )
})

test('ends without saying that it is over where the server stops: clients come again', async () => {
  const end = new AbortController()
  const { pages, leave } = pagesOf([empty('3')], true)
  end.signal.addEventListener('abort', leave)
  const { stream } = eventStreamOf(pages, 'a.b', end.signal)
  const text = textOf(stream)
  await once(stream, 'readable')
  end.abort()
  expect(await text).not.toContain('return')
})

test('a heartbeat has the place up to which everything was seen', async () => {
  const { pages, leave } = pagesOf([empty('3'), empty('9')], true)
  const { stream, beat } = eventStreamOf(pages, 'a.b', NEVER)
  const read: string[] = []
  stream.on('data', (chunk: Buffer) => read.push(String(chunk)))
  await once(stream, 'data')
  await new Promise((resolve) => setImmediate(resolve))
  beat()
  await eventually(() => expect(read.at(-1)).toBe('event: ping\ndata: \nid: 9\n\n'))
  leave()
  await once(stream, 'end')
  beat()
})

test('one that nobody reads is left after some heartbeats, and its pages with it', async () => {
  const large = { items: [{ id: '8', data: 'x'.repeat(200_000) }], id: '8' }
  const { pages, hasLeft } = pagesOf([empty('3'), large, large], true)
  const { stream, beat } = eventStreamOf(pages, 'a.b', NEVER)
  await once(stream, 'readable')
  await new Promise((resolve) => setImmediate(resolve))
  for (let n = 0; n < 6; n += 1) beat()
  expect(stream.destroyed).toBe(false)
  beat()
  expect([stream.destroyed, hasLeft()]).toEqual([true, true])
})

test('an error is told in the words of tRPC, also before anything else', async () => {
  const failing: OpenPages = {
    next: () => Promise.reject(new Error('select secret from table')),
    [Symbol.asyncIterator]: () => failing,
  }
  const text = await textOf(eventStreamOf(failing, 'a.b', NEVER).stream)
  expect(text).toMatch(/^event: connected\ndata: .*\n\nevent: serialized-error\ndata: \{.*"path":"a.b"/)
})

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** Pages that come at once; then they are over, or nothing comes until somebody leaves. */
function pagesOf(given: readonly TrackedPage<unknown>[], goesOn = false) {
  const left = given.values()
  const { promise, resolve } = Promise.withResolvers<void>()
  let hasLeft = false
  const leave = () => {
    hasLeft = true
    resolve()
  }
  const pages: OpenPages = {
    async next() {
      const next = left.next()
      if (next.done !== true) return { value: next.value, done: false }
      if (goesOn) await promise
      return DONE
    },
    async return() {
      leave()
      return DONE
    },
    [Symbol.asyncIterator]: () => pages,
  }
  return { pages, leave, hasLeft: () => hasLeft }
}
