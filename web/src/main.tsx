import { render } from "preact";
import { recognise } from "./api/session";
import { learnSite } from "./api/site";
import { App } from "./app";
import { arrive } from "./arrival";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/screens.css";

void learnSite();
void recognise().then(arrive);
const root = document.getElementById("app");
if (root) {
  root.textContent = "";
  render(<App />, root);
}
