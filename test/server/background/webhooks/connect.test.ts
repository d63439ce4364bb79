import type { LookupAddress } from 'node:dns'
import { describe, expect, onTestFinished, test } from 'vitest'
import { addressRule } from '../../../../core/webhook/address.ts'
import type { Lookup } from '../../../../server/background/webhooks/connect.ts'
import { openReceiver as openEndpoint, type Posted } from '../../../../server/background/webhooks/post.ts'
import { openReceiver, type Receiver } from '../../../support/receiver.ts'

const REFUSED = 'The address is private, of this machine, or otherwise one that nothing is sent to'

describe('a name', () => {
  test('that resolves into an allowed network is sent to', async () => {
    const receiver = await listening()
    const posted = await post(named(receiver, 'http:'), ['127.0.0.0/8'], resolvesTo('127.0.0.1'))
    expect(posted).toMatchObject({ answer: { kind: 'answered', status: 204 } })
    expect(receiver.received).toHaveLength(1)
  })

  test.each(['http:', 'https:'])('that resolves to this machine is not connected to over %s', async (protocol) => {
    const receiver = await listening()
    const posted = await post(named(receiver, protocol), [], resolvesTo('127.0.0.1'))
    expect(posted.answer).toEqual({ kind: 'failed', error: REFUSED })
    expect(receiver.received).toEqual([])
  })

  test('as the system resolves it is looked at as well', async () => {
    const receiver = await listening()
    const { port } = new URL(receiver.url)
    expect((await post(`https://localhost:${port}/`, [])).answer).toEqual({ kind: 'failed', error: REFUSED })
    // Not every system knows it.
    expect((await post(`https://localhost.:${port}/`, [])).answer).toMatchObject({ kind: 'failed' })
    expect(receiver.received).toEqual([])
  })

  test.each(['10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fe80::1', '2002:7f00:1::'])(
    'that resolves to %s is refused',
    async (address) => {
      const posted = await post('https://example.org/', [], resolvesTo(address))
      expect(posted.answer).toEqual({ kind: 'failed', error: REFUSED })
    },
  )

  test('of the internet is not sent to without TLS', async () => {
    const posted = await post('http://example.org/', ['127.0.0.0/8'], resolvesTo('8.8.8.8'))
    expect(posted.answer).toEqual({ kind: 'failed', error: REFUSED })
  })

  test('that resolves to something else a moment later is sent to only while it may be', async () => {
    const receiver = await listening()
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1']]
    const looked: string[] = []
    const lookup: Lookup = (hostname, _, callback) => {
      looked.push(hostname)
      callback(null, addresses(...(answers.shift() ?? [])))
    }
    const url = named(receiver, 'http:')
    // Each connection asks once, and connects to what it was told.
    for (const status of [204, null, 204]) {
      expect(statusOf(await post(url, ['127.0.0.1'], lookup))).toBe(status)
    }
    expect(looked).toHaveLength(3)
    expect(receiver.received).toHaveLength(2)
  })

  test('with several addresses is sent to the allowed ones alone', async () => {
    const receiver = await listening()
    const posted = await post(named(receiver, 'http:'), ['127.0.0.1'], resolvesTo('10.0.0.1', '127.0.0.1'))
    expect(statusOf(posted)).toBe(204)
  })

  test('that is not known is told as that', async () => {
    const unknown: Lookup = (_hostname, _options, callback) =>
      callback(Object.assign(new Error('not there'), { code: 'ENOTFOUND' }), [])
    const posted = await post('https://example.org/', [], unknown)
    expect(posted.answer).toEqual({ kind: 'failed', error: 'The name of the host is not known' })
  })
})

test.each(['http://127.0.0.1:1/', 'https://127.0.0.1:1/', 'https://[::1]:1/', 'https://[::ffff:127.0.0.1]:1/'])(
  'an address that was allowed once is looked at again: %s',
  async (url) => {
    expect((await post(url, [])).answer).toEqual({ kind: 'failed', error: REFUSED })
  },
)

async function listening(): Promise<Receiver> {
  const receiver = await openReceiver()
  onTestFinished(() => receiver[Symbol.asyncDispose]())
  return receiver
}

function named({ url }: Receiver, protocol: string): string {
  return `${protocol}//receiver.example:${new URL(url).port}/`
}

function resolvesTo(...list: string[]): Lookup {
  return (_hostname, _options, callback) => callback(null, addresses(...list))
}

function addresses(...list: string[]): LookupAddress[] {
  return list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

async function post(url: string, allowed: string[], lookup?: Lookup): Promise<Posted> {
  const endpoint = openEndpoint(url, { rule: addressRule(allowed), lookup, connections: 1 })
  onTestFinished(() => endpoint.close())
  return endpoint.post({ headers: { 'content-type': 'application/json' }, body: '{}' }, new AbortController().signal)
}

function statusOf({ answer }: Posted): number | null {
  return answer.kind === 'answered' ? answer.status : null
}
