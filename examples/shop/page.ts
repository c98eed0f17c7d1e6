/**
 * The shop's one page: which server answers, the goods, and the cart. Works without a script; `page.js`
 * only saves the reload and shows the session's epoch.
 */

import type { Reason } from '../../src/session/index.ts';
import { drawProduct, sign } from './art.ts';
import { type Html, html } from './html.ts';
import { formatPrice, type Product, productById, products } from './products.ts';
import { countThings, maxQuantity, type Notice, type State } from './sessions.ts';

export interface View {
  /** The process that answers. */
  readonly server: { readonly name: string; readonly pid: number };
  readonly state: State;
  /** Requests of this session that this process has answered. */
  readonly served: number;
  /** The browser brought a session that nobody holds. */
  readonly lost: boolean;
  /** How the session came to this server. */
  readonly reason: Reason;
  readonly survivesCrash: boolean;
  /** Changes with the files, so that browsers may keep them. */
  readonly assetVersion: string;
}

export function renderPage(view: View): string {
  const { state, server } = view;
  const things = countThings(state);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Low Tide, a Limpet demo</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css?${view.assetVersion}">
<script src="/page.js?${view.assetVersion}" defer></script>
</head>
<body>
${renderStrip(view)}
<header class="top">
  <a class="brand" href="/">${sign}<span><b>Low Tide</b><small>Things from the rock pool</small></span></a>
  ${renderAccount(state)}
  <a class="to-cart" href="#cart">Cart <b>${things}</b></a>
</header>
<main>
  <div class="notices" role="status">${view.lost ? renderLost(server) : null}${renderMove(view)}${state.notice === null ? null : renderNotice(state.notice)}</div>
  <section class="goods" aria-label="Goods">${products.map(renderProduct)}</section>
  ${renderCart(state, things)}
</main>
<footer>This shop is a demo: nothing is sold, no password is asked. ${
    view.survivesCrash
      ? 'Your cart lives with one server, and every change is safe elsewhere before you see it.'
      : 'Your cart lives in the memory of one server process, and dies with it.'
  }</footer>
</body>
</html>
`.text;
}

function renderStrip({ server, served }: View): Html {
  return html`<aside class="strip ${server.name}" aria-label="Server" data-server="${server.name}" data-pid="${server.pid}">
  <span class="who"><i class="dot"></i><b>${server.name}</b> answers</span>
  <span class="fact">pid <b>${server.pid}</b></span>
  <span class="fact">served your session <b>${served}</b> ${served === 1 ? 'time' : 'times'}</span>
  <span class="fact" id="epoch" hidden>epoch <b></b></span>
  <span class="fact trail" id="trail" hidden></span>
  <form method="post" action="/kill"><button class="kill" id="kill">Kill this server</button></form>
</aside>`;
}

function renderAccount({ name }: State): Html {
  if (name !== '') {
    return html`<form class="account" method="post" action="/sign-out">
    <span>Hello, <b>${name}</b></span><button class="quiet" id="sign-out">Sign out</button></form>`;
  }
  return html`<form class="account" method="post" action="/sign-in">
    <label for="name">A demo: any name will do</label>
    <input id="name" name="name" required maxlength="40" placeholder="Your name" autocomplete="nickname">
    <button id="sign-in">Sign in</button></form>`;
}

function renderLost(server: View['server']): Html {
  return html`<div class="notice lost"><b>Your cart is not here.</b> It lived only in the memory of the process that served
you before. That process has died, or you were sent to another one: ${server.name} (pid ${server.pid}) has never seen your
session. The balancer can find you another server; it cannot bring back what a dead one remembered.</div>`;
}

/** On the first page from a new server. */
function renderMove({ server, reason }: View): Html | null {
  if (reason !== 'rebind' && reason !== 'move') return null;
  const why = reason === 'rebind' ? 'The server that had your session is gone.' : 'Your server is being emptied.';
  return html`<div class="notice moved"><b>Nothing is lost.</b> ${why} ${server.name} (pid ${server.pid}) goes on with it:
it has read your cart from the balancer's copy, once, and holds it in its own memory from now on.</div>`;
}

function renderNotice(notice: Notice): Html {
  return html`<div class="notice"><b>${notice.title}</b> ${notice.text}</div>`;
}

function renderProduct(product: Product): Html {
  return html`<article class="card art-${product.id}" id="${product.id}">
  <div class="art">${drawProduct(product.id)}</div>
  <h2>${product.name}</h2>
  <p>${product.text}</p>
  <form method="post" action="/cart/add">
    <input type="hidden" name="product" value="${product.id}">
    <span class="price">${formatPrice(product.cents)}</span>
    <button id="add-${product.id}" aria-label="Add ${product.name} to the cart">Add</button>
  </form>
</article>`;
}

function renderCart({ cart }: State, things: number): Html {
  let total = 0;
  const lines: Html[] = [];
  for (const [id, quantity] of Object.entries(cart)) {
    const product = productById.get(id);
    if (product === undefined) continue;
    total += product.cents * quantity;
    lines.push(renderLine(product, quantity));
  }
  return html`<section class="cart" id="cart" aria-label="Cart" data-things="${things}">
  <h2>Your cart</h2>
  ${
    lines.length === 0
      ? html`<p class="empty">Empty as the beach at six in the morning.</p>`
      : html`<ul>${lines}</ul>
  <p class="total"><span>Total</span><b>${formatPrice(total)}</b></p>
  <form method="post" action="/checkout"><button class="wide" id="checkout">Check out</button></form>`
  }
</section>`;
}

function renderLine(product: Product, quantity: number): Html {
  return html`<li>
  <div class="thumb art-${product.id}">${drawProduct(product.id)}</div>
  <div class="line"><b>${product.name}</b><span>${formatPrice(product.cents * quantity)}</span></div>
  <form class="quantity" method="post" action="/cart/set">
    <input type="hidden" name="product" value="${product.id}">
    <button name="quantity" value="${quantity - 1}" id="less-${product.id}" aria-label="One ${product.name} less">&minus;</button>
    <output>${quantity}</output>
    <button name="quantity" value="${Math.min(quantity + 1, maxQuantity)}" id="more-${product.id}" aria-label="One more ${product.name}">+</button>
    <button class="quiet" name="quantity" value="0" id="remove-${product.id}" aria-label="Remove ${product.name}">Remove</button>
  </form>
</li>`;
}
