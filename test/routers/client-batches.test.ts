import { getEventListeners, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { TRPCClientError } from '@trpc/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createClient, type Client } from '../../routers/client.ts'

describe('calls of one turn', () => {
  test('travel together, in requests of at most 32 and of like size', async () => {
    const { client, requests } = await serving(echo)
    const usernames = Array.from({ length: 70 }, (_, index) => `learner ${index}`)
    const answers = await Promise.all(usernames.map((username) => get(client, username)))
    expect(new Set(requests.map(({ calls }) => calls))).toEqual(new Set([24, 22]))
    expect(requests).toHaveLength(3)
    expect(answers).toEqual(usernames.map((username) => ({ username, courseId: 'c' })))
  })

  test('that ask and that change travel apart', async () => {
    const { client, requests } = await serving(echo)
    await Promise.all([
      get(client, 'a'),
      client.enrollment.enroll.mutate({ username: 'b', courseId: 'c' }),
      client.enrollment.get.query({ username: 'd', courseId: 'c' }),
    ])
    expect(new Set(requests.map(({ url }) => url))).toEqual(
      new Set(['/trpc/enrollment.enroll?batch=1', '/trpc/enrollment.get,enrollment.get?batch=1']),
    )
  })

  test.each([
    ['no JSON', (response: ServerResponse) => response.end('<html>')],
    ['a part of the answers', (response: ServerResponse) => response.end('[]')],
    ['no answer', (response: ServerResponse) => response.destroy()],
  ])('are each told of %s', async (_, answer) => {
    const { client } = await serving((_, response) => answer(response))
    const results = await Promise.allSettled(['a', 'b'].map((username) => get(client, username)))
    for (const result of results) expect(result).toMatchObject({ reason: expect.any(TRPCClientError) as unknown })
  })
})

describe('a call that is aborted', () => {
  test('rejects at once, and the others of its request are answered', async () => {
    const { client, requests, answerAll } = await servingLater()
    const abort = new AbortController()
    const [aborted, other] = [get(client, 'a', abort.signal), get(client, 'b')]
    await requests.first
    abort.abort(new Error('no more'))
    await expect(aborted).rejects.toThrow('no more')
    await expect(aborted).rejects.toBeInstanceOf(TRPCClientError)
    answerAll()
    expect(await other).toMatchObject({ username: 'b' })
  })

  test('gives its request up when nobody is left in it', async () => {
    const { client, requests } = await servingLater()
    const abort = new AbortController()
    const calls = [get(client, 'a', abort.signal), get(client, 'b', abort.signal)]
    const request = await requests.first
    abort.abort()
    expect(await Promise.allSettled(calls)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    if (!request.socket.destroyed) await once(request.socket, 'close')
  })

  test('before it left is not sent', async () => {
    const { client, requests } = await serving(echo)
    const [aborted, other] = await Promise.allSettled([
      get(client, 'a', AbortSignal.abort(new Error('never mind'))),
      get(client, 'b'),
    ])
    expect(aborted).toMatchObject({ reason: { message: 'never mind' } })
    expect(other).toMatchObject({ value: { username: 'b' } })
    await expect(get(client, 'c', AbortSignal.abort())).rejects.toThrow('This operation was aborted')
    expect(requests.map(({ calls }) => calls)).toEqual([1])
  })
})

test('a call whose input is no JSON fails alone', async () => {
  const { client } = await serving(echo)
  const [bad, good] = await Promise.allSettled([get(client, 1n as unknown as string), get(client, 'b')])
  expect(bad).toMatchObject({ reason: expect.any(TRPCClientError) as unknown })
  expect(good).toMatchObject({ value: { username: 'b' } })
})

test('what was called before it was closed is answered; it may be closed twice', async () => {
  const { client } = await serving(echo)
  const call = get(client, 'a')
  await Promise.all([client.close(), client.close()])
  expect(await call).toMatchObject({ username: 'a' })
})

test('a signal that many calls share keeps none of them', async () => {
  const { client } = await serving(echo)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 20 }, (_, index) => get(client, `learner ${index}`, signal)))
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

function get(client: Client, username: string, signal?: AbortSignal) {
  return client.enrollment.get.query({ username, courseId: 'c' }, signal && { signal })
}

type Handler = (request: IncomingMessage, response: ServerResponse, inputs: readonly unknown[]) => unknown

function echo(_: IncomingMessage, response: ServerResponse, inputs: readonly unknown[]): void {
  response.end(JSON.stringify(inputs.map((data) => ({ result: { data } }))))
}

/** A server that knows nothing but the format of a batch, and a client of it. */
async function serving(handle: Handler) {
  const requests: { url: string | undefined; calls: number }[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const inputs = Object.values(body as object)
      requests.push({ url: request.url, calls: inputs.length })
      return handle(request, response, inputs)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 't' })
  onTestFinished(async () => {
    server.close().closeAllConnections()
    await client.close()
  })
  return { client, requests }
}

/** One that answers when it is told to. */
async function servingLater() {
  const first = Promise.withResolvers<IncomingMessage>()
  const answers: (() => void)[] = []
  const { client } = await serving((request, response, inputs) => {
    answers.push(() => echo(request, response, inputs))
    first.resolve(request)
  })
  return { client, requests: { first: first.promise }, answerAll: () => answers.forEach((answer) => answer()) }
}
