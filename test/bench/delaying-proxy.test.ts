import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDelayingProxy, type DelayingProxy } from '../../bench/far/delaying-proxy.ts'
import { freePort } from '../support/free-port.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

describe('a way to a server that takes longer', () => {
  test.each([0.5, 30])('adds %s ms in each direction', async (delayMs) => {
    let arrived = 0
    const { client } = await openWay(delayMs, (socket) => {
      socket.on('data', (data) => {
        arrived = performance.now()
        socket.write(data)
      })
    })
    for (let time = 0; time < 20; time += 1) {
      const sent = performance.now()
      client.write('x')
      await once(client, 'data')
      expect(arrived - sent).toBeGreaterThanOrEqual(delayMs)
      expect(performance.now() - arrived).toBeGreaterThanOrEqual(delayMs)
    }
  })

  test('what is sent one after another travels at the same time', async () => {
    const { client } = await openWay(200, (socket) => socket.pipe(socket))
    for (let sent = 0; sent < 20; sent += 1) {
      client.write('x')
      await new Promise(setImmediate)
    }
    const arrived: number[] = []
    for await (const data of client) {
      for (const _ of data as Buffer) arrived.push(performance.now())
      if (arrived.length === 20) break
    }
    // One after another each of them would come as much later than the one before as the way is long.
    const gaps = arrived.slice(1).map((at, index) => at - (arrived[index] ?? 0))
    expect(gaps.filter((gap) => gap < 100).length).toBeGreaterThan(gaps.length / 2)
  })

  test('keeps bytes and order, also those of an answer to what has ended', async () => {
    const { client } = await openWay(2, (socket) => socket.pipe(socket))
    const pieces = Array.from({ length: 400 }, (_, index) => `${index}:${'x'.repeat((index * 997) % 20_000)};`)
    const received = (async () => {
      let text = ''
      for await (const data of client) text += String(data)
      return text
    })()
    for (const [index, piece] of pieces.entries()) {
      client.write(piece)
      if (index % 7 === 0) await new Promise(setImmediate)
    }
    client.end()
    expect(await received).toBe(pieces.join(''))
  })

  test('an end arrives after what was sent before it', async () => {
    const ended = Promise.withResolvers<string>()
    const { client } = await openWay(200, (socket) => {
      let text = ''
      socket.on('data', (data) => (text += String(data))).on('end', () => ended.resolve(text))
    })
    const sent = performance.now()
    client.end('bye')
    expect(await ended.promise).toBe('bye')
    expect(performance.now() - sent).toBeGreaterThanOrEqual(200)
  })

  test('counts how often a client has waited for an answer', async () => {
    const { client, proxy } = await openWay(200, (socket) => socket.pipe(socket))
    expect(proxy.flushes()).toBe(0)
    client.write('begin')
    await new Promise((resolve) => setTimeout(resolve, 10))
    client.write('lock') // Before the answer.
    await bytes(client, 9)
    expect(proxy.flushes()).toBe(1)
    client.write('commit')
    await bytes(client, 6)
    expect(proxy.flushes()).toBe(2)
  })

  test('what is sent while an answer is on its way has not waited for it', async () => {
    const answered = Promise.withResolvers<undefined>()
    const { client, proxy } = await openWay(400, (socket) => {
      socket.on('data', (data) => socket.write(data, () => answered.resolve(undefined)))
    })
    client.write('a')
    await answered.promise
    // The answer has left, and has not arrived.
    for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate)
    client.write('b')
    await bytes(client, 2)
    expect(proxy.flushes()).toBe(1)
  })

  test('a server that is not there is told to the client', async () => {
    const port = await freePort()
    const proxy = stack.use(await openDelayingProxy({ host: '127.0.0.1', port }, 1))
    const client = connect(proxy.port, '127.0.0.1')
    await once(client.resume(), 'close')
    expect(client.destroyed).toBe(true)
  })
})

async function openWay(
  delayMs: number,
  onConnection: (socket: Socket) => void,
): Promise<{ client: Socket; proxy: DelayingProxy }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection)
  stack.defer(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const proxy = stack.use(await openDelayingProxy({ host: '127.0.0.1', port }, delayMs))
  const client = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
  stack.defer(() => void client.destroy())
  await once(client, 'connect')
  return { client, proxy }
}

async function bytes(socket: Socket, count: number): Promise<void> {
  for (let received = 0; received < count;) {
    const [data] = (await once(socket, 'data')) as [Buffer]
    received += data.length
  }
}
