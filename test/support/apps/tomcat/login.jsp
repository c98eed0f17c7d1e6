<%-- A new id for the same session, as after every login, and a redirect to the cart that carries it. --%>
<%@ page session="false" %>
<%
  request.getSession(true);
  request.changeSessionId();
  response.sendRedirect(response.encodeRedirectURL("/app/cart.jsp"));
%>
