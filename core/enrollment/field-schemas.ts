import { z } from 'zod'
import { storableText } from '../text.ts'

// What the fields of a request about an enrollment may hold (rpc §3): of the typed API and of the cells of a CSV file.

export const reason = storableText(2000)
export const enterpriseUuid = storableText(255)
/** Any part of an attribute. */
export const attributePart = storableText(255)
/** The caller's own name of an item of a batch. */
export const itemRef = storableText(255)
/** In a batch any text: one that no course run offers is that row's `modeUnavailable`. */
export const looseMode = z.string()
