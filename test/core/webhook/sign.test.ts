import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { newSecret, secretText } from '../../../core/webhook/secret.ts'
import { signatureHeaders } from '../../../core/webhook/sign.ts'

const BODY = '{"type":"enrollment.created","data":{"name":"Łukasz “数”"}}'

describe('a signed message', () => {
  test('is the example of the specification', () => {
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    const message = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body: '{"test": 2432232314}',
      now: new Date(1_614_265_330_000),
    }
    expect(signatureHeaders(message, [secret])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  test('is verified by standardwebhooks as it is', () => {
    const secret = newSecret()
    const headers = signatureHeaders({ id: 'msg_1', body: BODY, now: new Date() }, [secret])
    expect(new Webhook(secretText(secret)).verify(BODY, { ...headers })).toEqual(JSON.parse(BODY))
  })

  test('is refused by standardwebhooks after a change of body, id or time, and with another secret', () => {
    const secret = newSecret()
    const verifier = new Webhook(secretText(secret))
    const headers = { ...signatureHeaders({ id: 'msg_1', body: BODY, now: new Date() }, [secret]) }
    expect(() => verifier.verify(`${BODY} `, headers)).toThrow('No matching signature found')
    expect(() => verifier.verify(BODY, { ...headers, 'webhook-id': 'msg_2' })).toThrow('No matching signature found')
    const earlier = String(Number(headers['webhook-timestamp']) - 1)
    expect(() => verifier.verify(BODY, { ...headers, 'webhook-timestamp': earlier })).toThrow(
      'No matching signature found',
    )
    expect(() => new Webhook(secretText(newSecret())).verify(BODY, headers)).toThrow('No matching signature found')
  })

  test('is verified with either secret while one replaces the other', () => {
    const secrets = [newSecret(), newSecret()]
    const headers = { ...signatureHeaders({ id: 'msg_1', body: BODY, now: new Date() }, secrets) }
    expect(headers['webhook-signature'].split(' ')).toHaveLength(2)
    for (const secret of secrets) {
      expect(new Webhook(secretText(secret)).verify(BODY, headers)).toEqual(JSON.parse(BODY))
    }
  })
})
