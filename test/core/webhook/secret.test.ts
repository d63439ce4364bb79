import { describe, expect, test } from 'vitest'
import { newSecret, secretBox, secretText, SecretUnreadable } from '../../../core/webhook/secret.ts'

const ID = 'b0b9d5d8-7c3c-4b9c-9a39-3a0a4f5a0a11'
const OTHER_ID = 'b0b9d5d8-7c3c-4b9c-9a39-3a0a4f5a0a12'

describe('the secret of an endpoint', () => {
  test('is 32 bytes in base64, with a prefix, and another one each time', () => {
    const [one, other] = [newSecret(), newSecret()]
    expect(secretText(one)).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(one.equals(other)).toBe(false)
  })

  test('comes out of the box as it went in, and nothing of it can be seen inside', () => {
    const [box, secret] = [secretBox(['a key']), newSecret()]
    const sealed = box.seal(ID, secret)
    expect(box.open(ID, sealed).equals(secret)).toBe(true)
    expect(sealed.includes(secret)).toBe(false)
  })

  test('is sealed differently each time', () => {
    const [box, secret] = [secretBox(['a key']), newSecret()]
    expect(box.seal(ID, secret).equals(box.seal(ID, secret))).toBe(false)
  })

  test('opens with another key only where the key of before is still there', () => {
    const secret = newSecret()
    const sealed = secretBox(['old']).seal(ID, secret)
    expect(secretBox(['new', 'old']).open(ID, sealed).equals(secret)).toBe(true)
    expect(() => secretBox(['new']).open(ID, sealed)).toThrow(SecretUnreadable)
  })

  test('of one endpoint cannot be opened as that of another one', () => {
    const box = secretBox(['a key'])
    expect(() => box.open(OTHER_ID, box.seal(ID, newSecret()))).toThrow(SecretUnreadable)
  })

  test('is not opened after it was changed', () => {
    const box = secretBox(['a key'])
    const sealed = box.seal(ID, newSecret())
    sealed[20] = (sealed[20] ?? 0) ^ 1
    expect(() => box.open(ID, sealed)).toThrow(SecretUnreadable)
  })
})
