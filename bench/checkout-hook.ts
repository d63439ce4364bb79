import { registerHooks } from 'node:module'
import { CHECKOUT } from './checkout.ts'

// Loaded before a process of the benchmark: what it imports from outside of `bench/` comes from another checkout, and with it
// all that is imported there, installed packages too. The benchmark itself is always that of this checkout.

const here = new URL('../', import.meta.url).href
const other = process.env[CHECKOUT]
if (other === undefined) throw new RangeError(`${CHECKOUT} names no checkout`)
// The other checkout may lie inside of this one.
const kept = [`${here}bench/`, `${here}node_modules/`, other]

registerHooks({
  resolve: (specifier, context, nextResolve) => {
    const { parentURL } = context
    const url = isRelative(specifier) && parentURL !== undefined ? new URL(specifier, parentURL).href : undefined
    if (url === undefined || !url.startsWith(here) || kept.some((folder) => url.startsWith(folder))) {
      return nextResolve(specifier, context)
    }
    return nextResolve(other + url.slice(here.length), context)
  },
})

function isRelative(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../')
}
