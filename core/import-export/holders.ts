/** Who has which of the names that only one may have, while lines give them one after another. */
export interface Holders<Name extends string | number = string> {
  /** Undefined: nobody has the name. */
  holderOf(name: Name): string | undefined
  /** Gives an owner a name that is free or theirs already, in place of the one before; null: none. */
  give(owner: string, name: Name | null): void
  /**
   * The owners whose first name somebody else has now. A unique index looks at each row of a statement, so that a name
   * has to be released before it is given.
   */
  passedOn(): string[]
}

/** Begins with who has what; each owner has at most one name. */
export function trackHolders<Name extends string | number = string>(names: ReadonlyMap<string, Name>): Holders<Name> {
  const nameOf = new Map(names)
  const holders = new Map([...names].map(([owner, name]) => [name, owner]))
  return {
    holderOf: (name) => holders.get(name),
    give(owner, name) {
      const former = nameOf.get(owner)
      if (former !== undefined) holders.delete(former)
      if (name === null) nameOf.delete(owner)
      else {
        nameOf.set(owner, name)
        holders.set(name, owner)
      }
    },
    passedOn: () => [...names].flatMap(([owner, name]) => ((holders.get(name) ?? owner) === owner ? [] : owner)),
  }
}
