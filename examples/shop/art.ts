/**
 * The pictures of the products, drawn as inline SVG on a canvas of 160 x 120, so that the page needs no
 * other file. They use presentation attributes only: the page's content security policy allows no inline style.
 */
import { type Html, trusted } from './html.ts';

const shadow = '<ellipse cx="80" cy="103" rx="54" ry="6" fill="#0b2a33" opacity=".16"/>';

const drawings: Readonly<Record<string, string>> = {
  limpet: `${shadow}
    <path d="M20 97C30 62 50 34 74 24q7-3 13 1c26 13 45 40 53 72-38 11-82 11-120 0z" fill="#c99b6d"/>
    <path d="M20 97C30 62 50 34 74 24q3-1 6-1-26 30-32 81-15-2-28-7z" fill="#b07f52"/>
    <g fill="none" stroke="#7d5636" stroke-width="2.4" stroke-linecap="round" opacity=".7">
      <path d="M78 26Q50 54 40 100M79 26Q64 58 61 103M81 26Q82 60 83 104M83 26Q100 58 105 102M85 27Q114 56 124 99"/>
    </g>
    <g fill="none" stroke="#f3dcc0" stroke-width="3" stroke-linecap="round" opacity=".55">
      <path d="M55 47q26 9 50-1M38 70q42 13 86-1"/>
    </g>
    <ellipse cx="80" cy="26" rx="9" ry="5" fill="#f3dcc0"/>`,
  periwinkle: `${shadow}
    <path d="M34 74c0-27 23-47 50-47 26 0 45 19 45 42 0 20-15 33-34 33H61c-16 0-27-11-27-28z" fill="#5b7183"/>
    <path d="M95 102c-22 0-38-13-38-31 0-16 12-27 27-27 13 0 22 9 22 20 0 9-7 15-15 15-6 0-11-4-11-10"
      fill="none" stroke="#dfe8ee" stroke-width="5" stroke-linecap="round"/>
    <path d="M43 53c9-13 24-20 40-20" fill="none" stroke="#8fa5b5" stroke-width="5" stroke-linecap="round"/>
    <path d="M96 102c19 0 33-14 33-33 0-8-2-14-5-20 4 22-4 43-28 53z" fill="#3d5162"/>`,
  starfish: `${shadow}
    <path d="M80 20 90 48.2 121.8 48.4 96.2 67.3 105.9 97.6 80 79 54.1 97.6 63.8 67.3 38.2 48.4 70 48.2Z"
      fill="#e8835c" stroke="#e8835c" stroke-width="15" stroke-linejoin="round"/>
    <path d="M80 24V59M117 50 82 61M103 93 81 64M57 93 79 64M43 50 78 61" stroke="#f8c2a4" stroke-width="3"
      stroke-linecap="round" stroke-dasharray="1 7"/>
    <circle cx="80" cy="61" r="6" fill="#c9633d"/>`,
  anemone: `${shadow}
    <circle cx="80" cy="44" r="40" fill="#ffd98a" opacity=".35"/>
    <path d="M70 66h20l5 34q-15 5-30 0z" fill="#8c4a63"/>
    <g fill="none" stroke="#e2738f" stroke-width="8" stroke-linecap="round">
      <path d="M68 66Q44 62 42 38M73 64Q58 48 60 24M80 64V16M87 64q15-16 13-40M92 66q24-4 26-28"/>
    </g>
    <g fill="#ffe9b8"><circle cx="42" cy="37" r="5"/><circle cx="60" cy="23" r="5"/><circle cx="80" cy="15" r="5"/>
      <circle cx="100" cy="23" r="5"/><circle cx="118" cy="37" r="5"/></g>
    <path d="M60 66q20-9 40 0-4 10-20 10t-20-10z" fill="#b95575"/>
    <path d="M94 99q22 3 34-6" fill="none" stroke="#5c3346" stroke-width="3" stroke-linecap="round"/>`,
  kelp: `${shadow}
    <rect x="30" y="44" width="100" height="56" rx="15" fill="#7fa37c"/>
    <rect x="30" y="40" width="100" height="52" rx="15" fill="#a9c79f"/>
    <g fill="none" stroke="#5f8560" stroke-width="4" stroke-linecap="round">
      <path d="M50 66q15-9 30 0t30 0M64 62q2-10 12-11M76 70q4 9 14 9M92 62q4-9 13-9M58 68q2 9 10 11"/>
    </g>
    <g fill="#fff" opacity=".75"><circle cx="122" cy="36" r="9"/><circle cx="135" cy="50" r="5"/>
      <circle cx="110" cy="27" r="5"/><circle cx="126" cy="19" r="3"/></g>`,
  seaglass: `<path d="M38 10Q50 62 80 64T122 10" fill="none" stroke="#7b5a3c" stroke-width="2.6"/>
    <circle cx="80" cy="65" r="5" fill="none" stroke="#b9a06a" stroke-width="3"/>
    <path d="M78 70c14-2 27 6 27 17 0 13-12 20-26 20-13 0-25-6-24-17 0-11 10-18 23-20z" fill="#4fb0a5" opacity=".88"/>
    <path d="M64 87c1-7 8-11 16-11" fill="none" stroke="#d9fff6" stroke-width="4" stroke-linecap="round" opacity=".8"/>
    <path d="M98 80c5 4 5 13-2 19" fill="none" stroke="#2b7d78" stroke-width="4" stroke-linecap="round" opacity=".55"/>
    <path d="M58 49c6-2 12 1 12 6s-5 8-10 7-7-4-7-7 2-5 5-6z" fill="#8fc7e8" opacity=".9"/>
    <path d="M101 48c6-2 11 2 11 6 0 5-5 8-10 7-4-1-7-4-6-7s2-5 5-6z" fill="#a9d8a0" opacity=".9"/>`,
  tides: `${shadow}
    <path d="M46 20h64q8 0 8 8v66q0 8-8 8H46z" fill="#1f5d78"/>
    <path d="M46 20h-2q-6 0-6 7v68q0 7 6 7h2z" fill="#154357"/>
    <rect x="57" y="32" width="50" height="34" rx="3" fill="#f4ecd8"/>
    <path d="M59 52q6-14 12 0t12 0 12 0 10-7" fill="none" stroke="#2f86a6" stroke-width="3" stroke-linecap="round"/>
    <path d="M59 60h46" stroke="#d9cba6" stroke-width="2"/>
    <path d="M62 79h40M62 88h26" stroke="#8fc0d2" stroke-width="4" stroke-linecap="round"/>
    <path d="M100 20v21l5-4 5 4V20z" fill="#e8835c"/>`,
  net: `${shadow}
    <path d="M100 52 140 14" stroke="#b98a55" stroke-width="8" stroke-linecap="round"/>
    <path d="M34 62q2 40 34 40t34-44z" fill="#eef6f4" opacity=".75"/>
    <g fill="none" stroke="#5d8f98" stroke-width="1.8" opacity=".9">
      <path d="M42 66q4 26 22 36M54 68q3 22 14 34M68 68v34M82 67q-3 22-14 35M94 64q-5 28-24 38"/>
      <path d="M36 74q32 9 64-3M40 85q28 8 55-3M50 95q18 5 36-3"/>
    </g>
    <ellipse cx="68" cy="60" rx="35" ry="11" transform="rotate(-5 68 60)" fill="none" stroke="#3c6a74" stroke-width="5"/>
    <circle cx="62" cy="86" r="6" fill="#e8835c"/><circle cx="60" cy="84" r="1.6" fill="#fff"/>`,
};

/** The picture of a product, hidden from screen readers: its name stands beside it. */
export function drawProduct(id: string): Html {
  return trusted(`<svg viewBox="0 0 160 120" aria-hidden="true" focusable="false">${drawings[id] ?? ''}</svg>`);
}

/** The shop's sign: a limpet on its rock. */
export const sign = trusted(
  `<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><path d="M6 36C10 22 17 12 24 12s14 10 18 24c-11 4-25 4-36 0z"
  fill="currentColor"/><path d="M24 14 15 36M24 14v24M24 14l9 22" stroke="var(--paper)" stroke-width="2"
  stroke-linecap="round" opacity=".8"/><path d="M3 42q5.25-4 10.5 0t10.5 0 10.5 0T45 42" fill="none"
  stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/></svg>`,
);
