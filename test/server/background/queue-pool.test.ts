import { createServer, type AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { openQueuePool } from '../../../server/background/bulk/queue-pool.ts'

/** A PostgreSQL that is beginning: it answers `57P03`, cannot_connect_now. */
const beginning = createServer((socket) => {
  socket.on('error', () => {})
  socket.once('data', () => {
    const fields = ['SFATAL', 'VFATAL', 'C57P03', 'Mthe database system is starting up', ''].map((text) => `${text}\0`)
    const body = Buffer.from(fields.join(''))
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    socket.end(Buffer.concat([Buffer.from('E'), length, body]))
  })
})
await new Promise<void>((resolve) => beginning.listen(0, '127.0.0.1', resolve))
const { port } = beginning.address() as AddressInfo
afterAll(() => beginning.close())

test('that a connection cannot be made has no code by which the queue would wait for minutes', async () => {
  const pool = openQueuePool(`postgres://somebody@127.0.0.1:${port}/any?sslmode=disable`, 2)
  const error: unknown = await pool.connect().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ message: 'the database system is starting up', cause: { code: '57P03' } })
  expect(error).not.toHaveProperty('code')
  await pool.end()
})
