import { useEffect, useState } from 'preact/hooks'

export interface Place {
  /** Below `/console`, each part decoded. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
}

const CHANGED = 'place-changed'

/** Where the page is; whoever uses it is rendered again when that changes. */
export function usePlace(): Place {
  const [href, setHref] = useState(location.href)
  useEffect(() => {
    const update = () => setHref(location.href)
    addEventListener('popstate', update)
    addEventListener(CHANGED, update)
    return () => {
      removeEventListener('popstate', update)
      removeEventListener(CHANGED, update)
    }
  }, [])
  const { pathname, searchParams } = new URL(href)
  return { path: pathname.split('/').slice(2).filter(Boolean).map(decoded), query: searchParams }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function goTo(href: string): void {
  history.pushState(null, '', href)
  scrollTo(0, 0)
  dispatchEvent(new Event(CHANGED))
}

/** Puts filters into the address, so that it can be shared; an empty one is left out. */
export function setQuery(changes: Record<string, string>): void {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  history.replaceState(null, '', url)
  dispatchEvent(new Event(CHANGED))
}

/** The address of a view. */
export function hrefOf(...parts: string[]): string {
  return `/console/${parts.map(encodeURIComponent).join('/')}`
}

/** Follows links of the console without loading the page again; all else is the browser's. */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    const { target, button, defaultPrevented, metaKey, ctrlKey, shiftKey, altKey } = event
    if (defaultPrevented || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return
    const link = target instanceof Element ? target.closest('a') : null
    if (link === null || link.origin !== location.origin || link.target !== '' || link.download !== '') return
    if (!link.pathname.startsWith('/console') || link.hash !== '') return
    event.preventDefault()
    goTo(link.href)
  })
}
