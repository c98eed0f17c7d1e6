<%-- A cart in the memory of this Tomcat; `next` is the link by which a client without cookies goes on. --%>
<%@ page contentType="application/json" trimDirectiveWhitespaces="true" %>
<%
  synchronized (session) {
    Integer held = (Integer) session.getAttribute("items");
    int items = held == null ? 1 : held + 1;
    session.setAttribute("items", items);
%>
{"server":"<%= System.getProperty("name") %>","items":<%= items %>,"next":"<%= response.encodeURL("/app/cart.jsp") %>"}
<% } %>
