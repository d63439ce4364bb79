// What an extension adds types of lines to the import format with.
export { courseId, email, expected, flag, instant, text, wholeNumber } from './fields.ts'
export { trackHolders } from './holders.ts'
export { line } from './lines.ts'
export {
  extensionLineType,
  resolveRows,
  sumOf,
  type Added,
  type ExtensionLineType,
  type GroupContext,
  type GroupOutcome,
  type NumberedLine,
} from './group-importer.ts'
export { PAGE_SIZE, pagesOfLines } from './pages.ts'
export { quote } from './printable.ts'
export { finder, isThere, learnerFinder, noAccount, type Find } from './references.ts'
export { upsert, type UpsertTarget } from './upsert.ts'
