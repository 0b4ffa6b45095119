// Lists of texts as a page shows them best: without a quote and a comma for each.

/** What stands between white space. */
export const wordsOf = (text: string): readonly string[] => text.trim().split(/\s+/);

/** What stands between vertical bars, white space included. */
export const partsOf = (text: string): readonly string[] => text.split('|');
