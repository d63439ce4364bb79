/** The name of a table or column, as SQL of MySQL takes it. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
