import { z } from 'zod'
import { importFormat } from '../../routers/extension.ts'
import { recordSourceOf, SOURCE_SLUGS, type RecordSource } from '../record-source.ts'

const { expected } = importFormat
const kind = `one of ${Object.keys(SOURCE_SLUGS).join(', ')}, or a slug of edx-enterprise`

/** The field that says how a record came or will come, by our name or by the slug of edx-enterprise; `customerAdmin` unless given. */
export function source() {
  return z
    .string({ error: expected(kind) })
    .transform((value, context): RecordSource => {
      const known = recordSourceOf(value)
      if (known !== undefined) return known
      context.issues.push({ code: 'custom', message: `must be ${kind}`, input: value })
      return z.NEVER
    })
    .default('customerAdmin')
}
