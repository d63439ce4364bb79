import { requiredAttributes } from '../course/mode.ts'
import { failure, type Failure } from '../errors.ts'
import type { AttributeInput } from './command.ts'

/** A fact about an enrollment, complete. */
export interface Attribute {
  readonly namespace: string
  readonly name: string
  readonly value: string
}

/** The first part that one of the attributes lacks. */
export function malformedAttribute(
  attributes: readonly AttributeInput[] | null,
): 'namespace' | 'name' | 'value' | undefined {
  for (const attribute of attributes ?? []) {
    const missing = (['namespace', 'name', 'value'] as const).find((key) => attribute[key] === undefined)
    if (missing) return missing
  }
  return undefined
}

/** The attributes, of which none lacks a part. */
export function completeAttributes(attributes: readonly AttributeInput[] | null): readonly Attribute[] | null {
  return attributes?.map(({ namespace = '', name = '', value = '' }) => ({ namespace, name, value })) ?? null
}

/**
 * What the mode requires and the attributes lack. Only looked at when attributes are sent at all: an enrollment without
 * any is accepted in every mode.
 */
export function missingAttributes(mode: string | null, attributes: readonly AttributeInput[] | null): Failure | null {
  if (mode === null || attributes === null || attributes.length === 0) return null
  const required = requiredAttributes(mode)
  const sent = new Set(attributes.map((attribute) => `${attribute.namespace}:${attribute.name}`))
  const missing = required.filter((attribute) => !sent.has(attribute))
  return missing.length > 0 ? failure('missingAttributes', { mode, required: [...required], missing }) : null
}
