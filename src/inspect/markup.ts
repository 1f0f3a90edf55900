/*
 * Text for HTML and XML. Labels come from cards, so anything may be in them.
 */

/** What would end a piece of text in an element or a quoted attribute. */
const MARKUP = /[&<>"'`]/g;
const escaped = (text: string): string => text.replace(MARKUP, (c) => `&#${c.charCodeAt(0)};`);

/** Control characters, and those that turn the direction of what stands around them: a label may not rearrange the report. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const UNSHOWABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

/** Lone halves of surrogate pairs, which UTF-8 cannot hold. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text for an element or a quoted attribute of HTML; what cannot be shown becomes U+FFFD. */
export const htmlText = (text: string): string => escaped(text.replace(UNSHOWABLE, "\ufffd").replace(LONE, "\ufffd"));

/** Characters that XML 1.0 (2.2) has no place for, even as references; and the C1 controls, which it discourages. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g;

/** Text for an element or a quoted attribute of XML; what XML has no place for is left out. */
export const xmlText = (text: string): string => escaped(text.replace(NO_XML, "").replace(LONE, ""));
