<%-- The session ends, here and in the client's cookie jar. --%>
<%@ page contentType="application/json" session="false" trimDirectiveWhitespaces="true" import="jakarta.servlet.http.*" %>
<%
  HttpSession held = request.getSession(false);
  if (held != null) held.invalidate();
  Cookie gone = new Cookie("JSESSIONID", "");
  gone.setPath("/app");
  gone.setMaxAge(0);
  response.addCookie(gone);
%>
{"server":"<%= System.getProperty("name") %>"}
